"""Reference functions of exercises on things that `core` does not have: masking, translation's mask, int8.

Tests hold each to the rule of the package that it is about: `data`, `models` and `compress`.
"""
