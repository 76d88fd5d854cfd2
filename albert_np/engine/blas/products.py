"""The product of two matrices by SciPy's BLAS."""

from albert_np.core.dispatch import Array


def product(a: Array, b: Array) -> Array:
    """a (N, K), b (K, M) -> a b (N, M), contiguous. NumPy computes what BLAS does not: other dtypes, and empty arrays.

    BLAS stores matrices by columns: the memory of a contiguous x is to it that of xᵀ. So it computes (a b)ᵀ = bᵀ aᵀ, and a factor
    that is itself a transposed view is passed as what it is a view of, with a flag: nothing is copied.
    """
    from scipy.linalg.blas import dgemm, sgemm

    if not (a.dtype == b.dtype and a.dtype.char in "fd" and a.ndim == b.ndim == 2 and a.size and b.size and a.shape[1] == len(b)):
        return a @ b  # or NumPy's error, which names the shapes
    gemm = sgemm if a.dtype.char == "f" else dgemm
    b_memory, b_flag = (b.T, 0) if b.flags.c_contiguous else (b, 1)
    a_memory, a_flag = (a.T, 0) if a.flags.c_contiguous else (a, 1)
    return gemm(1.0, b_memory, a_memory, trans_a=b_flag, trans_b=a_flag).T
