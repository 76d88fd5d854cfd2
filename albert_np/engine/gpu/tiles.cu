// Sequences out of the packed rows into a tile (G, heads, L, D) and back: see engine/gpu/tiles.py. A thread has one number.

struct Spot {
    bool real;  // a token; otherwise filling
    i64 at;     // where it lies among the packed rows
};

__device__ inline Spot spot_of(i64 i, const i64 *starts, const i64 *lengths, int heads, int L, int D) {
    int d = i % D;
    i64 rest = i / D;
    int l = rest % L;
    rest /= L;
    int head = rest % heads;
    i64 g = rest / heads;
    return {l < lengths[g], ((starts[g] + l) * heads + head) * D + d};
}

// x (N, heads · D) -> part (n,) = (G, heads, L, D), 0 where there is filling
extern "C" __global__ void cut(const T *x, const i64 *starts, const i64 *lengths, int heads, int L, int D, i64 n, T *part) {
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
        Spot spot = spot_of(i, starts, lengths, heads, L, D);
        part[i] = spot.real ? x[spot.at] : (T)0;
    }
}

extern "C" __global__ void paste(const T *part, const i64 *starts, const i64 *lengths, int heads, int L, int D, i64 n, T *x) {
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
        Spot spot = spot_of(i, starts, lengths, heads, L, D);
        if (spot.real) x[spot.at] = part[i];
    }
}
