// Twin of core/layers/embedding.py.
//
// The gradient adds each token's row to its place in a table; many tokens have the same. So that the sums come out the same
// every time there are no atomic operations: tokens are sorted by place, and blocks take RUN of them each, in order. A place
// whose tokens begin in a block is added to by that block. What of a place continues from the block before is laid aside, and
// added afterwards, in order, by the block that follows the one where it began.

constexpr int RUN = 64;

// ids, positions, token_types (N,); word, position, token_type (·, W) -> y (N, W)
extern "C" __global__ void embedding(const i64 *ids, const i64 *positions, const i64 *token_types, const T *word, const T *position,
                                     const T *token_type, T *y) {
    i64 n = blockIdx.x;
    for (int c = threadIdx.x; c < W; c += blockDim.x)
        y[n * W + c] = (T)((A)word[ids[n] * W + c] + (A)position[positions[n] * W + c] + (A)token_type[token_types[n] * W + c]);
}

// order (N,): the tokens, sorted by their place; places (N,) not sorted; dy (N, W); untaught: a place that takes nothing, or -1
extern "C" __global__ void add_rows(const i64 *order, const i64 *places, const T *dy, i64 N, i64 untaught, G *table, A *aside) {
    i64 first = (i64)blockIdx.x * RUN, last = first + RUN < N ? first + RUN : N;
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        bool continues = first && places[order[first]] == places[order[first - 1]];
        A sum = 0;
        for (i64 i = first; i < last; i++) {
            i64 place = places[order[i]];
            sum += (A)dy[order[i] * W + c];
            if (i + 1 < last && places[order[i + 1]] == place) continue;
            if (continues) aside[(i64)blockIdx.x * W + c] = sum;
            else if (place != untaught) table[place * W + c] = (G)((A)table[place * W + c] + sum);
            continues = false;
            sum = 0;
        }
    }
}

extern "C" __global__ void add_aside(const i64 *order, const i64 *places, i64 N, i64 untaught, G *table, const A *aside) {
    i64 first = (i64)blockIdx.x * RUN, place = places[order[first]];
    if (!first || places[order[first - 1]] != place || place == untaught) return;       // nothing continues here
    i64 before = first - RUN;
    if (before && places[order[before]] == place && places[order[before - 1]] == place) return;  // nor is it the first to continue
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        A sum = 0;
        for (i64 i = first; i < N && places[order[i]] == place; i += RUN) sum += aside[i / RUN * W + c];
        table[place * W + c] = (G)((A)table[place * W + c] + sum);
    }
}

// order (N,) <- the tokens, sorted by their place, equal ones as they stand: each counts how many come before it. N² looks, but
// nothing waits, as a sort by CUDA's library would, and a launch that is recorded must not. blockDim.x places at a time are shared.
extern "C" __global__ void order_of(const i64 *places, i64 N, i64 *order) {
    __shared__ i64 some[256];
    i64 own = blockIdx.x * (i64)blockDim.x + threadIdx.x, place = own < N ? places[own] : 0, before = 0;
    for (i64 first = 0; first < N; first += blockDim.x) {
        __syncthreads();
        some[threadIdx.x] = first + threadIdx.x < N ? places[first + threadIdx.x] : 0;
        __syncthreads();
        for (i64 i = 0; i < blockDim.x && first + i < N; i++) before += some[i] < place || (some[i] == place && first + i < own);
    }
    if (own < N) order[before] = own;
}
