"""ALBERT, from a packed batch to a parameter update."""
