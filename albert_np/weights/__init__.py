"""Weights in files: one table of names, and the folders that hold a model."""
