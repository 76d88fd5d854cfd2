// Kernel of core/layers/embedding.py.
//
// The gradient adds each token's row of dy to a row of a table, often the same for many tokens. To make the sums reproducible there
// are no atomic operations: tokens are sorted by their row of the table, and each block sums RUN consecutive ones. If the tokens of
// a row begin in a block, that block adds its sum to the table. A sum that continues a row from the block before is stored in
// partial_sums; `add_partial_sums` adds these afterwards, in order.

constexpr int RUN = 64;

// ids, positions, token_types (N,); word, position, token_type (·, W) -> y (N, W)
extern "C" __global__ void embedding(const i64 *ids, const i64 *positions, const i64 *token_types, const T *word, const T *position,
                                     const T *token_type, T *y) {
    i64 n = blockIdx.x;
    for (int c = threadIdx.x; c < W; c += blockDim.x)
        y[n * W + c] = (T)((A)word[ids[n] * W + c] + (A)position[positions[n] * W + c] + (A)token_type[token_types[n] * W + c]);
}

// order (N,): the tokens, sorted by row; rows (N,) of the tokens, not sorted; dy (N, W); padding_idx: a row to leave unchanged, or -1
extern "C" __global__ void add_rows(const i64 *order, const i64 *rows, const T *dy, i64 N, i64 padding_idx, G *table, A *partial_sums) {
    i64 first = (i64)blockIdx.x * RUN, last = first + RUN < N ? first + RUN : N;
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        bool continues = first && rows[order[first]] == rows[order[first - 1]];
        A sum = 0;
        for (i64 i = first; i < last; i++) {
            i64 row = rows[order[i]];
            sum += (A)dy[order[i] * W + c];
            if (i + 1 < last && rows[order[i + 1]] == row) continue;
            if (continues) partial_sums[(i64)blockIdx.x * W + c] = sum;
            else if (row != padding_idx) table[row * W + c] = (G)((A)table[row * W + c] + sum);
            continues = false;
            sum = 0;
        }
    }
}

extern "C" __global__ void add_partial_sums(const i64 *order, const i64 *rows, i64 N, i64 padding_idx, G *table, const A *partial_sums) {
    i64 first = (i64)blockIdx.x * RUN, row = rows[order[first]];
    if (!first || rows[order[first - 1]] != row || row == padding_idx) return;       // no sum continues into this block
    i64 before = first - RUN;
    if (before && rows[order[before]] == row && rows[order[before - 1]] == row) return;  // an earlier block adds it
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        A sum = 0;
        for (i64 i = first; i < N && rows[order[i]] == row; i += RUN) sum += partial_sums[i / RUN * W + c];
        table[row * W + c] = (G)((A)table[row * W + c] + sum);
    }
}

// order (N,) <- the tokens, sorted stably by row: each token counts the tokens that precede it. That takes N² comparisons, but
// no synchronisation with the host, which a sort by CUDA's library would need and a captured launch must not have. blockDim.x
// rows at a time are in shared memory.
extern "C" __global__ void sort_rows(const i64 *rows, i64 N, i64 *order) {
    __shared__ i64 shared_rows[256];
    i64 own = blockIdx.x * (i64)blockDim.x + threadIdx.x, row = own < N ? rows[own] : 0, before = 0;
    for (i64 first = 0; first < N; first += blockDim.x) {
        __syncthreads();
        shared_rows[threadIdx.x] = first + threadIdx.x < N ? rows[first + threadIdx.x] : 0;
        __syncthreads();
        for (i64 i = 0; i < blockDim.x && first + i < N; i++) before += shared_rows[i] < row || (shared_rows[i] == row && first + i < own);
    }
    if (own < N) order[before] = own;
}
