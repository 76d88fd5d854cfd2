"""Make glibc's allocator keep freed memory. Called once, when the engine is imported; the user's own settings take precedence.

A training step allocates and frees some hundred megabytes. By default glibc returns arrays of that size to the system at once,
and in the next step the first access to each page is a page fault, which costs a tenth of the step. If one of
MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and GLIBC_TUNABLES is set, nothing is changed.
"""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
MMAP_THRESHOLD = 1 << 25  # glibc's own maximum; larger arrays are whole models and files
NEVER = (1 << 31) - 1
USER_SETTINGS = "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"


def keep_freed_memory() -> bool:
    """Set glibc to serve arrays below 32 MB from its heap and to keep the heap. Return whether that was done."""
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in USER_SETTINGS):
        return False
    malloc = ctypes.CDLL(None)
    return bool(malloc.mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD) and malloc.mallopt(M_TRIM_THRESHOLD, NEVER))
