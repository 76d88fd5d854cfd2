"""The exercises outside of one process: checks with limits of time and memory, the files of a class, a model to train."""
