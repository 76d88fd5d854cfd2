// Definitions that all kernels share. T: the type of arrays; A: the type of arithmetic (float for Half and float, double for
// double); G: the type of gradients; W: the width of a row. They are defined before this text.
//
// A thread processes a group of eight neighbouring columns, as many as a Philox counter has random numbers for.

typedef long long i64;
typedef unsigned int u32;
typedef unsigned long long u64;

#define GROUPS(W) (((W) + 7) / 8)

// ---- eight columns of a row: those beyond its end are read as 0 and not written ----

__device__ inline void load8(A *v, const T *row, int column, int width) {
    for (int j = 0; j < 8; j++) v[j] = column + j < width ? (A)row[column + j] : (A)0;
}

__device__ inline void store8(T *row, const A *v, int column, int width) {
    for (int j = 0; j < 8; j++)
        if (column + j < width) row[column + j] = (T)v[j];
}

// ---- reductions over a block, returned to all of its threads; blockDim.x is a multiple of 32 ----

__device__ inline A warp_sum(A x) {
    for (int offset = 16; offset; offset >>= 1) x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
}

__device__ inline A warp_max(A x) {
    for (int offset = 16; offset; offset >>= 1) {
        A other = __shfl_xor_sync(0xffffffffu, x, offset);
        x = other > x ? other : x;
    }
    return x;
}

__device__ inline A block_sum(A x) {
    __shared__ A warp_results[32];
    x = warp_sum(x);
    if (blockDim.x == 32) return x;
    __syncthreads();  // until all threads have read the results of the previous call
    if (threadIdx.x % 32 == 0) warp_results[threadIdx.x / 32] = x;
    __syncthreads();
    x = 0;
    for (int w = 0; w < blockDim.x / 32; w++) x += warp_results[w];
    return x;
}

__device__ inline A block_max(A x) {
    __shared__ A warp_results[32];
    x = warp_max(x);
    if (blockDim.x == 32) return x;
    __syncthreads();
    if (threadIdx.x % 32 == 0) warp_results[threadIdx.x / 32] = x;
    __syncthreads();
    x = warp_results[0];
    for (int w = 1; w < blockDim.x / 32; w++) x = warp_results[w] > x ? warp_results[w] : x;
    return x;
}

// ---- Philox4x32-10 (see core/random.py): the same bits as on the host ----

struct Drop {       // the arguments of a dropout layer, see engine/gpu/dropout_arguments.py
    u32 key0, key1;
    u32 threshold;  // random numbers of 16 bits below it drop an element; 0: no dropout
    A scale;        // of the elements that stay
};

// step: two words to mix into the key, read at each replay of a captured launch; or null
__device__ inline Drop make_drop(u32 key0, u32 key1, const u32 *step, u32 threshold, double scale) {
    return {step ? key0 ^ step[0] : key0, step ? key1 ^ step[1] : key1, threshold, (A)scale};
}

__device__ inline void philox(u32 *c, u32 k0, u32 k1) {
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)c[0] * 0xD2511F53u, p1 = (u64)c[2] * 0xCD9E8D57u;
        u32 c0 = (u32)(p1 >> 32) ^ c[1] ^ k0, c2 = (u32)(p0 >> 32) ^ c[3] ^ k1;
        c[1] = (u32)p1, c[3] = (u32)p0, c[0] = c0, c[2] = c2;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
}

// Apply dropout to v[0..7], the elements 8 · group, ..., 8 · group + 7 of a row (example, token).
__device__ inline void drop8(A *v, const i64 *example_and_token, u32 group, Drop d) {
    if (!d.threshold) return;
    u64 example = (u64)example_and_token[0];
    u32 c[4] = {group, (u32)example_and_token[1], (u32)example, (u32)(example >> 32)};
    philox(c, d.key0, d.key1);
    for (int j = 0; j < 8; j++) {
        u32 bits = j % 2 ? c[j / 2] >> 16 : c[j / 2] & 0xFFFFu;
        v[j] = bits >= d.threshold ? v[j] * d.scale : (A)0;
    }
}
