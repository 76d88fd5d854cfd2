"""A stand-in for CuPy without a GPU: arrays that raise errors where CuPy's do.

CuPy answers NumPy's ufunc calls and the functions that it has itself. It has no implicit conversion to NumPy, mixes with no
NumPy array, takes no lists, and wraps indices that are out of range without a word. A layer that runs on these arrays has not
quietly assumed NumPy.
"""

import dataclasses
from typing import Any

import numpy as np

# NumPy functions that the layers may call on device arrays: those that CuPy has (https://docs.cupy.dev/en/stable/reference).
FUNCTIONS = set(
    """argmax argpartition argsort broadcast_to clip concatenate copy cumsum einsum empty_like expand_dims full_like max
    mean min moveaxis nonzero ones_like prod ravel repeat reshape round split squeeze stack sum swapaxes take
    take_along_axis tensordot transpose where zeros_like""".split()
)
MISSING_UFUNCS = {"vecdot", "matvec", "vecmat", "spacing", "isnat"}  # NumPy's that CuPy lacks


class Refused(TypeError):
    """Raised for an operation that CuPy does not support."""


class StrictArray:
    """Wraps a NumPy array without being one. `syncs` counts how often the host was made to wait for a value."""

    __slots__ = ("a",)
    syncs = 0

    def __init__(self, a: np.ndarray) -> None:
        self.a = a

    # ---- NumPy's two protocols ----

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method != "__call__":
            raise Refused(f"CuPy has no np.{ufunc.__name__}.{method}")
        if ufunc.__name__ in MISSING_UFUNCS:
            raise Refused(f"CuPy has no np.{ufunc.__name__}")
        outs = {} if out is None else {"out": tuple(unwrap(o) for o in out)}
        result = ufunc(*(operand(x) for x in inputs), **outs, **{k: operand(v) for k, v in kwargs.items()})
        return out[0] if out is not None else wrap(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function.__name__ not in FUNCTIONS:
            raise Refused(f"np.{function.__name__} is not among the functions that the layers may use on CuPy arrays")
        if function.__name__ == "take":
            return self._take(*args, **kwargs)
        return wrap(function(*(inside(x) for x in args), **{k: inside(v) for k, v in kwargs.items()}))

    @staticmethod
    def _take(x: Any, rows: Any, axis: int | None = None) -> "StrictArray":
        return StrictArray(np.take(unwrap(x), unwrap(rows), axis=axis, mode="wrap"))  # CuPy does not say when one is out of range

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Refused("implicit conversion to a NumPy array is not allowed")

    def __iter__(self) -> Any:
        raise Refused("iterating over a device array makes the host wait for every element")

    def __bool__(self) -> bool:
        raise Refused("the truth value of a device array makes the host wait")

    def __float__(self) -> float:
        StrictArray.syncs += 1
        return float(self.a)

    def __int__(self) -> int:
        StrictArray.syncs += 1
        return int(self.a)

    def item(self) -> Any:
        StrictArray.syncs += 1
        return self.a.item()

    # ---- methods of ndarray ----

    shape = property(lambda self: self.a.shape)
    flags = property(lambda self: self.a.flags)
    dtype = property(lambda self: self.a.dtype)
    ndim = property(lambda self: self.a.ndim)
    size = property(lambda self: self.a.size)
    T = property(lambda self: StrictArray(self.a.T))

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, key: Any) -> "StrictArray":
        return StrictArray(np.asarray(self.a[index(key, self.a.shape)]))

    def __setitem__(self, key: Any, value: Any) -> None:
        self.a[index(key, self.a.shape)] = operand(value)

    def view(self, dtype: Any) -> "StrictArray":
        return StrictArray(self.a.view(dtype))

    def astype(self, dtype: Any, copy: bool = True) -> "StrictArray":
        return StrictArray(self.a.astype(dtype, copy=copy))

    def reshape(self, *shape: Any) -> "StrictArray":
        return StrictArray(self.a.reshape(*shape))

    def swapaxes(self, i: int, j: int) -> "StrictArray":
        return StrictArray(self.a.swapaxes(i, j))

    def copy(self) -> "StrictArray":
        return StrictArray(self.a.copy())

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> "StrictArray":
        return StrictArray(np.asarray(self.a.sum(axis, dtype=dtype, keepdims=keepdims)))

    def mean(self, axis: Any = None, keepdims: bool = False) -> "StrictArray":
        return StrictArray(np.asarray(self.a.mean(axis, keepdims=keepdims)))

    def max(self, axis: Any = None, keepdims: bool = False) -> "StrictArray":
        return StrictArray(np.asarray(self.a.max(axis, keepdims=keepdims)))

    def argmax(self, axis: Any = None) -> "StrictArray":
        return StrictArray(np.asarray(self.a.argmax(axis)))


def _binary(ufunc: Any, in_place: bool = False, swapped: bool = False) -> Any:
    def method(self: StrictArray, other: Any) -> Any:
        if in_place:
            return ufunc(self, other, out=(self,))
        return ufunc(other, self) if swapped else ufunc(self, other)

    return method


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "matmul": np.matmul, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "rshift": np.right_shift, "lshift": np.left_shift, "pow": np.power,
}.items():  # fmt: skip
    setattr(StrictArray, f"__{_name}__", _binary(_ufunc))
    setattr(StrictArray, f"__r{_name}__", _binary(_ufunc, swapped=True))
    setattr(StrictArray, f"__i{_name}__", _binary(_ufunc, in_place=True))
for _name, _ufunc in {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal}.items():
    setattr(StrictArray, f"__{_name}__", _binary(_ufunc))
StrictArray.__neg__ = lambda self: np.negative(self)  # type: ignore[attr-defined]
StrictArray.__invert__ = lambda self: np.invert(self)  # type: ignore[attr-defined]


def wrap(result: Any) -> Any:
    """Results come back on the device, scalars as 0-d arrays."""
    if isinstance(result, tuple | list):
        return type(result)(wrap(r) for r in result)
    return StrictArray(np.asarray(result))


def unwrap(x: Any) -> np.ndarray:
    if not isinstance(x, StrictArray):
        raise Refused(f"expected a device array, got {type(x).__name__}")
    return x.a


def operand(x: Any) -> Any:
    """Unwrap a device array or a Python number; CuPy accepts nothing else."""
    if isinstance(x, StrictArray):
        return x.a
    if isinstance(x, bool | int | float) and not isinstance(x, np.generic):
        return x
    raise Refused(f"unsupported type {type(x).__name__} beside a device array")


def inside(x: Any) -> Any:
    """Unwrap an argument of a function: a device array, a sequence of them, or an option."""
    if isinstance(x, list | tuple) and any(isinstance(y, StrictArray) for y in x):
        return type(x)(unwrap(y) for y in x)
    if isinstance(x, StrictArray):
        return x.a
    if isinstance(x, np.ndarray | np.generic | list):
        raise Refused(f"unsupported type {type(x).__name__} beside a device array")
    return x


def index(key: Any, shape: tuple[int, ...]) -> Any:
    """Convert an index: slices, integers, and device arrays of integers, which wrap around."""
    if isinstance(key, tuple):
        return tuple(index(k, shape[i:]) for i, k in enumerate(key))
    if isinstance(key, StrictArray):
        return key.a % shape[0] if key.a.dtype.kind in "iu" else key.a
    if isinstance(key, list | np.ndarray | np.generic):
        raise Refused(f"a device array is not indexed by a {type(key).__name__} here")
    return key


class StrictBackend:
    """A backend to register in `albert_np.core.backend`."""

    name = "strict"
    tf32 = capturing = False

    def asarray(self, host: Any) -> StrictArray:
        if self.capturing and not isinstance(host, StrictArray):
            raise Refused("what is sent while a graph is captured would be sent again from memory that is no longer there")
        return host if isinstance(host, StrictArray) else StrictArray(np.array(host))

    def to_host(self, x: Any) -> np.ndarray:
        if self.capturing:
            raise Refused("nothing can be waited for while a graph is captured")
        return unwrap(x).copy()

    device = "the stand-in"

    def zeros(self, size: int, dtype: Any) -> StrictArray:
        return StrictArray(np.zeros(size, dtype))

    def address(self, x: Any) -> int:
        return x.a.ctypes.data

    def host_buffer(self, size: int, dtype: Any) -> np.ndarray:
        return np.empty(size, dtype)

    def fetch(self, x: Any, host: np.ndarray) -> None:
        host[...] = unwrap(x)

    def send(self, host: np.ndarray, x: Any) -> None:
        unwrap(x)[...] = host

    def nccl(self) -> None:
        return None

    def scatter_add(self, target: Any, rows: Any, values: Any) -> None:
        np.add.at(unwrap(target), unwrap(rows) % len(target), unwrap(values))

    def erf(self, x: Any) -> StrictArray:
        from scipy.special import erf

        return StrictArray(erf(unwrap(x)))

    def launch(self, source: str, name: str, blocks: int, threads: int, arguments: list[Any]) -> None:
        """Run a CUDA kernel on the host. Without a C++ compiler there are no kernels."""
        import cuda_on_host

        for argument in arguments:
            if isinstance(argument, np.ndarray):
                raise Refused(f"{name}: a NumPy array among the arguments of a kernel")
        host = [argument.a if isinstance(argument, StrictArray) else argument for argument in arguments]
        cuda_on_host.launch(source, name, blocks, threads, host)

    def product(self, a: Any, b: Any, out: Any, transpose_a: bool, transpose_b: bool, add: bool) -> None:
        """As cuBLAS: out = a b, or out += a b, with the last two axes of either operand swapped if asked for."""
        for z in (a, b, out):
            if not unwrap(z).flags.c_contiguous:
                raise Refused("cuBLAS is given contiguous arrays")
        if a.dtype != b.dtype or out.dtype not in (a.dtype, np.float32 if a.dtype == np.float16 else a.dtype):
            raise Refused(f"cuBLAS has no product of {a.dtype} and {b.dtype} into {out.dtype}")
        exact = np.float32 if a.dtype == np.float16 else a.dtype  # products of float16 are accumulated in float32
        x, y = (unwrap(z).swapaxes(-1, -2) if turned else unwrap(z) for z, turned in ((a, transpose_a), (b, transpose_b)))
        unwrap(out)[...] = x.astype(exact) @ y.astype(exact) + (unwrap(out) if add else 0)

    def capture(self, work: Any) -> Any:
        """Replay a graph by running the work again, with the host values of its capture."""

        def do() -> Any:
            self.capturing = True
            try:
                return work()
            finally:
                self.capturing = False

        result = do()
        before = list(self._device_arrays(result))

        def replay() -> None:
            for old, new in zip(before, self._device_arrays(do()), strict=True):
                old.a[...] = new.a

        return replay, result

    def _device_arrays(self, result: Any) -> Any:
        """Yield the device arrays of a nested value, in order."""
        if isinstance(result, StrictArray):
            yield result
        elif isinstance(result, list | tuple):
            for each in result:
                yield from self._device_arrays(each)
        elif dataclasses.is_dataclass(result):
            yield from self._device_arrays([getattr(result, field.name) for field in dataclasses.fields(result)])


def register() -> None:
    """Make the stand-in one of the backends, with the kernels of CUDA, which the host runs."""
    from albert_np.core import backend
    from albert_np.engine import gpu

    backend.register("strict", StrictBackend, lambda x: isinstance(x, StrictArray))
    gpu.register(StrictArray)
