// What all kernels share. T: the type that arrays hold; A: the type of arithmetic (float for Half and float, double for double);
// G: the type that gradients are added up in; W: the width of a row. They are defined before this text.
//
// Rows are worked on in eights: a thread owns eight neighbouring columns, as many as one block of Philox has random numbers for.

typedef long long i64;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EIGHTS(W) (((W) + 7) / 8)

// ---- eight columns of a row: those beyond its end are 0, and are not written ----

__device__ inline void load8(A *v, const T *row, int column, int width) {
    for (int j = 0; j < 8; j++) v[j] = column + j < width ? (A)row[column + j] : (A)0;
}

__device__ inline void store8(T *row, const A *v, int column, int width) {
    for (int j = 0; j < 8; j++)
        if (column + j < width) row[column + j] = (T)v[j];
}

// ---- one number from all threads of a block, given back to all of them; blockDim.x is a multiple of 32 ----

__device__ inline A warp_sum(A x) {
    for (int apart = 16; apart; apart >>= 1) x += __shfl_xor_sync(0xffffffffu, x, apart);
    return x;
}

__device__ inline A warp_max(A x) {
    for (int apart = 16; apart; apart >>= 1) {
        A other = __shfl_xor_sync(0xffffffffu, x, apart);
        x = other > x ? other : x;
    }
    return x;
}

__device__ inline A block_sum(A x) {
    __shared__ A of_warps[32];
    x = warp_sum(x);
    if (blockDim.x == 32) return x;
    __syncthreads();  // whoever still reads the numbers of the time before
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = x;
    __syncthreads();
    x = 0;
    for (int w = 0; w < blockDim.x / 32; w++) x += of_warps[w];
    return x;
}

__device__ inline A block_max(A x) {
    __shared__ A of_warps[32];
    x = warp_max(x);
    if (blockDim.x == 32) return x;
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = x;
    __syncthreads();
    x = of_warps[0];
    for (int w = 1; w < blockDim.x / 32; w++) x = of_warps[w] > x ? of_warps[w] : x;
    return x;
}

// ---- Philox4x32-10 (see core/philox.py): the same bits as on the host ----

struct Drop {       // what a dropout layer needs; see randomness.Dropout
    u32 key0, key1;
    u32 threshold;  // of 65536 numbers so many drop an element; 0: there is no dropout
    A scale;        // of those that stay
};

// step: two words to mix into the key, for a launch that is recorded once and replayed with other numbers; or null
__device__ inline Drop drop_of(u32 key0, u32 key1, const u32 *step, u32 threshold, double scale) {
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

// v[0..7], the elements of (example, token) from number 8 · eighth on, become what dropout leaves of them.
__device__ inline void drop8(A *v, const i64 *example_and_token, u32 eighth, Drop d) {
    if (!d.threshold) return;
    u64 example = (u64)example_and_token[0];
    u32 c[4] = {eighth, (u32)example_and_token[1], (u32)example, (u32)(example >> 32)};
    philox(c, d.key0, d.key1);
    for (int j = 0; j < 8; j++) {
        u32 bits = j % 2 ? c[j / 2] >> 16 : c[j / 2] & 0xFFFFu;
        v[j] = bits >= d.threshold ? v[j] * d.scale : (A)0;
    }
}
