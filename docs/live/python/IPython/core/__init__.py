"""The part of IPython.core that matplotlib imports."""
