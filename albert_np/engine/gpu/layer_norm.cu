// Kernel of core/layers/layer_norm.py and core/layers/add_norm.py: y = LN(x + dropout(f)), a block of threads per row, in one pass.
//
// The width W is a compile-time constant, so that a row, once read, stays in registers.

#define THREADS (GROUPS(W) > 256 ? 256 : (GROUPS(W) + 31) / 32 * 32)
#define PER_THREAD ((GROUPS(W) + THREADS - 1) / THREADS)  // groups of eight columns per thread

__device__ inline int first_column(int i) { return 8 * (threadIdx.x + i * THREADS); }

// x (N, W); f (N, W) or null; rows (N, 2): (example, token) -> y, xhat (N, W), rstd (N,)
extern "C" __global__ void layer_norm(const T *x, const T *f, const T *gamma, const T *beta, const i64 *rows, u32 key0, u32 key1,
                                      const u32 *step, u32 threshold, double scale, double eps, T *y, T *xhat, A *rstd) {
    i64 row = blockIdx.x, at = row * W;
    Drop drop = make_drop(key0, key1, step, threshold, scale);
    A v[PER_THREAD][8], sum = 0, square = 0;
    for (int i = 0; i < PER_THREAD; i++) {
        int column = first_column(i);
        load8(v[i], x + at, column, W);
        if (f) {
            A add[8];
            load8(add, f + at, column, W);
            drop8(add, rows + 2 * row, column / 8, drop);
            for (int j = 0; j < 8; j++) v[i][j] += add[j];
        }
        for (int j = 0; j < 8; j++) sum += v[i][j];
    }
    A mean = block_sum(sum) / W;
    for (int i = 0; i < PER_THREAD; i++)
        for (int j = 0; j < 8; j++)
            if (first_column(i) + j < W) {
                v[i][j] -= mean;
                square += v[i][j] * v[i][j];
            }
    A r = 1 / sqrt(block_sum(square) / W + (A)eps);
    if (threadIdx.x == 0) rstd[row] = r;
    for (int i = 0; i < PER_THREAD; i++) {
        int column = first_column(i);
        A g[8], b[8];
        load8(g, gamma, column, W);
        load8(b, beta, column, W);
        for (int j = 0; j < 8; j++) v[i][j] *= r;
        store8(xhat + at, v[i], column, W);
        for (int j = 0; j < 8; j++) b[j] += g[j] * v[i][j];
        store8(y + at, b, column, W);
    }
}

// dy (N, W) -> dx (N, W), df (N, W) or null; each block takes every gridDim.x-th row and sums its part of the parameters'
// gradients into dgammas, dbetas (gridDim.x, W)
extern "C" __global__ void layer_norm_backward(const T *dy, const T *xhat, const A *rstd, const T *gamma, const i64 *rows,
                                               u32 key0, u32 key1, const u32 *step, u32 threshold, double scale, i64 N, T *dx, T *df, A *dgammas,
                                               A *dbetas) {
    Drop drop = make_drop(key0, key1, step, threshold, scale);
    A dgamma[PER_THREAD][8] = {}, dbeta[PER_THREAD][8] = {};
    for (i64 row = blockIdx.x; row < N; row += gridDim.x) {
        i64 at = row * W;
        A d[PER_THREAD][8], h[PER_THREAD][8], sum = 0, product = 0;
        for (int i = 0; i < PER_THREAD; i++) {
            A g[8];
            load8(d[i], dy + at, first_column(i), W);
            load8(h[i], xhat + at, first_column(i), W);
            load8(g, gamma, first_column(i), W);
            for (int j = 0; j < 8; j++) {
                dgamma[i][j] += d[i][j] * h[i][j];
                dbeta[i][j] += d[i][j];
                d[i][j] *= g[j];  // dx̂
                sum += d[i][j];
                product += d[i][j] * h[i][j];
            }
        }
        A mean = block_sum(sum) / W, mean_product = block_sum(product) / W, r = rstd[row];
        for (int i = 0; i < PER_THREAD; i++) {
            for (int j = 0; j < 8; j++) d[i][j] = (d[i][j] - mean - h[i][j] * mean_product) * r;
            store8(dx + at, d[i], first_column(i), W);
            if (df) {
                drop8(d[i], rows + 2 * row, first_column(i) / 8, drop);
                store8(df + at, d[i], first_column(i), W);
            }
        }
    }
    for (int i = 0; i < PER_THREAD; i++)
        for (int j = 0; j < 8; j++)
            if (first_column(i) + j < W) {
                dgammas[(i64)blockIdx.x * W + first_column(i) + j] = dgamma[i][j];
                dbetas[(i64)blockIdx.x * W + first_column(i) + j] = dbeta[i][j];
            }
}
