// The weights of attention: their softmax, dropout and gradient. A row is what one query asks of the keys of its sequence.
//
// A tile holds G sequences of at most L tokens (L: not a constant, so that new lengths need no compiler), as (G, heads, L, L).
// What a query sees are the first keys: all of its sequence, or (translation) the source and its own past. A row has a block
// of threads, each with eight keys.

struct Row {
    int query, head, length;  // length: of the sequence
    int seen;                 // keys that the query sees; 0 for filling
    i64 token;                // its row among all tokens
};

__device__ inline Row row_of(const i64 *starts, const i64 *lengths, const i64 *sources, int heads, int L) {
    Row row;
    i64 number = blockIdx.x;
    row.query = number % L;
    row.head = number / L % heads;
    i64 g = number / L / heads;
    row.length = lengths[g];
    int past = row.query + 1;
    row.seen = row.query >= row.length ? 0 : !sources ? row.length : sources[g] > past ? (int)sources[g] : past;
    row.token = starts[g] + row.query;
    return row;
}

// Weights become what dropout leaves of them. Element `head · length + key` of a query's token: eights begin anywhere.
__device__ inline void drop_weights(A *v, Row row, const i64 *rows, Drop drop) {
    if (!drop.threshold || !row.seen) return;
    const i64 *who = rows + 2 * row.token;
    u32 c[4], of = 0xffffffffu;
    for (int j = 0; j < 8; j++) {
        u32 element = row.head * row.length + 8 * threadIdx.x + j;
        if (element / 8 != of) {
            of = element / 8;
            c[0] = of, c[1] = (u32)who[1], c[2] = (u32)(u64)who[0], c[3] = (u32)((u64)who[0] >> 32);
            philox(c, drop.key0, drop.key1);
        }
        u32 half = element % 8, bits = half % 2 ? c[half / 2] >> 16 : c[half / 2] & 0xFFFFu;
        v[j] = bits >= drop.threshold ? v[j] * drop.scale : (A)0;
    }
}

// x (G, heads, L, L) becomes softmax(scale · x); into dropped, if there is one, what dropout leaves of it
extern "C" __global__ void weights(T *x, const i64 *starts, const i64 *lengths, const i64 *sources, int heads, int L, double scale,
                                   const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold, double drop_scale, T *dropped) {
    Row row = row_of(starts, lengths, sources, heads, L);
    T *here = x + (i64)blockIdx.x * L;
    int first = 8 * threadIdx.x;
    A v[8], most = -1e38, sum = 0;
    load8(v, here, first, L);
    for (int j = 0; j < 8; j++) {
        v[j] *= (A)scale;
        if (first + j < row.seen && v[j] > most) most = v[j];
    }
    most = block_max(most);
    for (int j = 0; j < 8; j++) {
        v[j] = first + j < row.seen ? exp(v[j] - most) : (A)0;
        sum += v[j];
    }
    sum = block_sum(sum);
    for (int j = 0; j < 8; j++) v[j] = row.seen ? v[j] / sum : (A)0;
    store8(here, v, first, L);
    if (dropped) {
        drop_weights(v, row, rows, drop_of(key0, key1, step, threshold, drop_scale));
        store8(dropped + (i64)blockIdx.x * L, v, first, L);
    }
}

// y (G, heads, L, L), the softmax -> what dropout left of it, once more
extern "C" __global__ void dropped_weights(const T *y, const i64 *starts, const i64 *lengths, const i64 *sources, int heads, int L,
                                           const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold, double drop_scale, T *dropped) {
    Row row = row_of(starts, lengths, sources, heads, L);
    i64 at = (i64)blockIdx.x * L;
    A v[8];
    load8(v, y + at, 8 * threadIdx.x, L);
    drop_weights(v, row, rows, drop_of(key0, key1, step, threshold, drop_scale));
    store8(dropped + at, v, 8 * threadIdx.x, L);
}

// dy (G, heads, L, L), the gradient of what dropout left, becomes that of x; y: the softmax
extern "C" __global__ void weights_backward(T *dy, const T *y, const i64 *starts, const i64 *lengths, const i64 *sources, int heads,
                                            int L, double scale, const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold,
                                            double drop_scale) {
    Row row = row_of(starts, lengths, sources, heads, L);
    i64 at = (i64)blockIdx.x * L;
    int first = 8 * threadIdx.x;
    A d[8], p[8], sum = 0;
    load8(d, dy + at, first, L);
    load8(p, y + at, first, L);
    drop_weights(d, row, rows, drop_of(key0, key1, step, threshold, drop_scale));
    for (int j = 0; j < 8; j++)
        if (first + j < row.seen) sum += d[j] * p[j];
    sum = block_sum(sum);
    for (int j = 0; j < 8; j++) d[j] = first + j < row.seen ? (d[j] - sum) * p[j] * (A)scale : (A)0;
    store8(dy + at, d, first, L);
}
