"""Run CUDA kernels without a GPU: compiled by a C++ compiler, with a block's threads as coroutines that switch at barriers.

Slow, and of one thing a proof: what a kernel computes. The threads of a block run in turn up to the next barrier, the blocks one
after the other. Around every array lie numbers that no kernel may touch: one that writes there is found, and one that reads
there reads NaN.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

MARGIN = 64  # elements before and behind every array
COMPILER = shutil.which("g++")

PRELUDE = r"""
#include <cmath>
#include <cstring>
#include <vector>
#include <csetjmp>
#include <ucontext.h>
using std::sqrt; using std::exp; using std::log; using std::tanh; using std::erf; using std::fabs;

struct Dim { int x, y, z; };
static Dim threadIdx, blockIdx, blockDim, gridDim;
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __shared__ static
#define __launch_bounds__(...)

enum State { READY, AT_WARP, AT_BLOCK, DONE };
struct Thread { ucontext_t context; jmp_buf resume; bool started; State state; std::vector<char> stack; };
static std::vector<Thread> team;
static jmp_buf scheduler;  // jumps between stacks are many times quicker than swapcontext, which asks the system each time
static int current;
static unsigned char slots[1024][16];

static void wait(State state) {
    team[current].state = state;
    if (!_setjmp(team[current].resume)) _longjmp(scheduler, 1);
}
static void resume(Thread &thread) {
    if (_setjmp(scheduler)) return;
    if (thread.started) _longjmp(thread.resume, 1);
    thread.started = true;
    setcontext(&thread.context);
}
static void __syncthreads() { wait(AT_BLOCK); }
static void __syncwarp() { wait(AT_WARP); }
template <class X> X __shfl_xor_sync(unsigned, X x, int apart) {
    std::memcpy(slots[current], &x, sizeof x);
    wait(AT_WARP);
    X other;
    std::memcpy(&other, slots[current ^ apart], sizeof x);
    wait(AT_WARP);
    return other;
}
template <class X> X atomicAdd(X *at, X value) { X old = *at; *at += value; return old; }

#define HALF_ON_HOST
static unsigned short half_bits(float x) {  // to the nearest, and of two nearest the even one
    unsigned f;
    std::memcpy(&f, &x, 4);
    unsigned sign = f >> 16 & 0x8000, size = f & 0x7fffffff;
    if (size > 0x7f800000) return sign | 0x7e00;                 // NaN
    if (size >= 0x477ff000) return sign | 0x7c00;                // too large
    if (size < 0x38800000) {                                     // below the smallest normal number: multiples of 2^-24
        float scaled;
        std::memcpy(&scaled, &size, 4);
        return sign | (unsigned short)std::nearbyint(scaled * 16777216.0f);
    }
    unsigned rest = size & 0x1fff, kept = (size - 0x38000000) >> 13;
    return sign | (kept + (rest > 0x1000 || (rest == 0x1000 && (kept & 1))));
}
static float half_value(unsigned short bits) {
    unsigned sign = (unsigned)(bits & 0x8000) << 16, e = bits >> 10 & 31, rest = bits & 0x3ff, f;
    if (e == 0) {
        float x = rest / 16777216.0f;
        return sign ? -x : x;
    }
    f = sign | (e == 31 ? 0x7f800000 | rest << 13 : (e + 112) << 23 | rest << 13);
    float x;
    std::memcpy(&x, &f, 4);
    return x;
}
"""

LAUNCH = r"""
struct Kernel { const char *name; void (*run)(); std::vector<std::pair<bool, const char *>> kinds; };
static std::vector<Kernel> kernels = {KERNELS};
static Kernel *chosen;
static void enter() { chosen->run(); team[current].state = DONE; _longjmp(scheduler, 1); }

// Whether threads first ... last - 1, those that are done aside, all wait there.
static bool all_at(State state, int first, int last) {
    bool some = false;
    for (int t = first; t < last; t++) {
        if (team[t].state != state && team[t].state != DONE) return false;
        some |= team[t].state == state;
    }
    return some;
}
static void release(int first, int last) {
    for (int t = first; t < last; t++) if (team[t].state != DONE) team[t].state = READY;
}

extern "C" int choose(const char *name) {  // -> how many arguments it has
    for (auto &kernel : kernels)
        if (!std::strcmp(kernel.name, name)) return (chosen = &kernel)->kinds.size();
    return -1;
}
extern "C" int is_pointer(int i) { return chosen->kinds[i].first; }
extern "C" const char *kind(int i) { return chosen->kinds[i].second; }

extern "C" int run(int grid, int block, void **arguments) {
    given = arguments, gridDim = {grid, 1, 1}, blockDim = {block, 1, 1};
    team.resize(block);
    for (int b = 0; b < grid; b++) {
        blockIdx = {b, 0, 0};
        for (auto &t : team) {
            t.stack.resize(1 << 17);
            getcontext(&t.context);
            t.context.uc_stack.ss_sp = t.stack.data(), t.context.uc_stack.ss_size = t.stack.size();
            t.context.uc_link = nullptr;
            makecontext(&t.context, enter, 0);
            t.state = READY, t.started = false;
        }
        for (int left = block; left;) {
            bool moved = false;
            for (current = 0; current < block; current++)
                if (team[current].state == READY) {
                    threadIdx = {current, 0, 0};
                    resume(team[current]);
                    moved = true;
                }
            for (int w = 0; w < block; w += 32)
                if (all_at(AT_WARP, w, w + 32)) release(w, w + 32), moved = true;
            if (all_at(AT_BLOCK, 0, block)) release(0, block), moved = true;
            left = 0;
            for (auto &t : team) left += t.state != DONE;
            if (!moved && left) return 1;  // some wait where others never come
        }
    }
    return 0;
}
"""
GLUE = r"""
static void **given;
template <class X> const char *kind_of_type();
template <> const char *kind_of_type<int>() { return "int32"; }
template <> const char *kind_of_type<unsigned>() { return "uint32"; }
template <> const char *kind_of_type<long long>() { return "int64"; }
template <> const char *kind_of_type<unsigned long long>() { return "uint64"; }
template <> const char *kind_of_type<unsigned char>() { return "uint8"; }
template <> const char *kind_of_type<bool>() { return "bool"; }
template <> const char *kind_of_type<float>() { return "float32"; }
template <> const char *kind_of_type<double>() { return "float64"; }
template <> const char *kind_of_type<Half>() { return "float16"; }

template <class... P> static void call(void (*kernel)(P...)) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { kernel(*(P *)given[I]...); }(std::index_sequence_for<P...>{});
}
template <class... P> static std::vector<std::pair<bool, const char *>> kinds(void (*)(P...)) {
    return {{std::is_pointer_v<P>, kind_of_type<std::remove_cv_t<std::remove_pointer_t<P>>>()}...};
}
"""


@cache
def compiled(source: str) -> Any:
    """Compile a source with all its kernels into a library."""
    names = re.findall(r'extern "C" __global__ void (\w+)\(', source)
    kernels = ", ".join(f'{{"{name}", [] {{ call({name}); }}, kinds({name})}}' for name in names)
    text = "#include <utility>\n#include <type_traits>\n" + PRELUDE + source + GLUE + LAUNCH.replace("KERNELS", kernels)
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / "albert_np_cuda_on_host"
    folder.mkdir(exist_ok=True)
    library = folder / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            file, made = Path(place) / "kernel.cpp", Path(place) / "kernel.so"
            file.write_text(text)
            command = [COMPILER, "-std=c++20", "-O1", "-shared", "-fPIC", "-w", str(file), "-o", str(made)]
            ran = subprocess.run(command, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
            made.replace(library)
    loaded = ctypes.CDLL(str(library))
    loaded.kind.restype = ctypes.c_char_p
    return loaded


@cache
def kinds(source: str, name: str) -> list[tuple[bool, str]]:
    """Return for each argument of a kernel whether it is a pointer, and its type."""
    library = compiled(source)
    return [(bool(library.is_pointer(i)), library.kind(i).decode()) for i in range(library.choose(name.encode()))]


def launch(source: str, name: str, grid: int, block: int, arguments: list[Any]) -> None:
    """Run a kernel. arguments: NumPy arrays (contiguous), None for a null pointer, or NumPy scalars."""
    library, wanted = compiled(source), kinds(source, name)
    library.choose(name.encode())
    assert len(wanted) == len(arguments), f"{name} takes {len(wanted)} arguments, not {len(arguments)}"
    boxes: list[Any] = []
    guarded: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by address: an array may be given twice
    for number, (argument, (pointer, kind)) in enumerate(zip(arguments, wanted)):
        if argument is None:
            assert pointer, f"{name}, argument {number}: no array for a {kind}"
            boxes.append(ctypes.c_void_p(0))
            continue
        given = argument.dtype.name, isinstance(argument, np.ndarray)
        assert given == (kind, pointer), f"{name}, argument {number}: {given[0]} for {kind}{' *' * pointer}"
        if not pointer:
            boxes.append((ctypes.c_char * 8)(*argument.tobytes().ljust(8, b"\0")))
            continue
        assert argument.flags.c_contiguous, f"{name}, argument {number}: an array that is not contiguous"
        if argument.ctypes.data not in guarded:
            whole = np.full(argument.size + 2 * MARGIN, np.nan if argument.dtype.kind == "f" else 77).astype(argument.dtype)
            whole[MARGIN : MARGIN + argument.size] = argument.reshape(-1)
            guarded[argument.ctypes.data] = argument, whole
        boxes.append(ctypes.c_void_p(guarded[argument.ctypes.data][1].ctypes.data + MARGIN * argument.itemsize))
    pointers = (ctypes.c_void_p * len(boxes))(*(ctypes.addressof(box) for box in boxes))
    assert grid > 0 and 0 < block <= 1024 and block % 32 == 0, f"{name}: {grid} blocks of {block}"
    assert library.run(grid, block, pointers) == 0, f"{name}: some threads wait at a barrier where others never come"
    for argument, whole in guarded.values():
        edges = np.concatenate([whole[:MARGIN], whole[MARGIN + argument.size :]])
        untouched = np.isnan(edges) if argument.dtype.kind == "f" else edges == np.array(77).astype(argument.dtype)
        assert untouched.all(), f"{name} wrote beyond an array of {argument.shape}"
        argument.reshape(-1)[...] = whole[MARGIN : MARGIN + argument.size]
