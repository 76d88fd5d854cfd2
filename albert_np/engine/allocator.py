"""A setting of the machine that matters more than much code. Made once, when albert_np is imported; yours takes precedence.

A training step fills some hundred megabytes and frees them. glibc hands arrays of that size back to the system at once, and
every first touch of a page, at the next step, is a page fault: a tenth of a step. It is told to keep what was freed. Where one
of MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and GLIBC_TUNABLES is set, it is left as it is.
"""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
MMAP_FROM = 1 << 25  # glibc's own maximum, which it would find by itself, slowly; larger are whole models and files
NEVER = (1 << 31) - 1
YOURS = "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"


def keep_freed_memory() -> bool:
    """Tell glibc to serve arrays below 32 MB from its heap, and to keep the heap -> whether it was told."""
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in YOURS):
        return False
    malloc = ctypes.CDLL(None)
    return bool(malloc.mallopt(M_MMAP_THRESHOLD, MMAP_FROM) and malloc.mallopt(M_TRIM_THRESHOLD, NEVER))
