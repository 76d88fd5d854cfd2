// Copy sequences from the packed rows into a tile (G, heads, L, D) and back, see engine/gpu/tiles.py. A thread has one element.

struct Slot {
    bool is_token;  // false: padding
    i64 offset;     // of the element in the packed array
};

__device__ inline Slot get_slot(i64 i, const i64 *starts, const i64 *lengths, int heads, int L, int D) {
    int d = i % D;
    i64 rest = i / D;
    int l = rest % L;
    rest /= L;
    int head = rest % heads;
    i64 g = rest / heads;
    return {l < lengths[g], ((starts[g] + l) * heads + head) * D + d};
}

// x (N, heads · D) -> tile (n,) = (G, heads, L, D), 0 in padding
extern "C" __global__ void gather_tile(const T *x, const i64 *starts, const i64 *lengths, int heads, int L, int D, i64 n, T *tile) {
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
        Slot slot = get_slot(i, starts, lengths, heads, L, D);
        tile[i] = slot.is_token ? x[slot.offset] : (T)0;
    }
}

extern "C" __global__ void scatter_tile(const T *tile, const i64 *starts, const i64 *lengths, int heads, int L, int D, i64 n, T *x) {
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
        Slot slot = get_slot(i, starts, lengths, heads, L, D);
        if (slot.is_token) x[slot.offset] = tile[i];
    }
}
