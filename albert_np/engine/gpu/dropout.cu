// Kernel of core/layers/dropout.py, for x in the forward pass and dy in the backward pass: the mask is computed again.

// x (N, W), rows (N, 2): (example, token) -> y (N, W); a thread has eight columns of a row
extern "C" __global__ void dropout(const T *x, const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold, double scale, i64 N, T *y) {
    Drop drop = make_drop(key0, key1, step, threshold, scale);
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < N * GROUPS(W); i += (i64)gridDim.x * blockDim.x) {
        i64 row = i / GROUPS(W);
        int group = i % GROUPS(W);
        A v[8];
        load8(v, x + row * W, 8 * group, W);
        drop8(v, rows + 2 * row, group, drop);
        store8(y + row * W, v, 8 * group, W);
    }
}
