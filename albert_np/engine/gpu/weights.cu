// The weights of attention: their softmax, dropout and gradient. A row has the weights of one query over the keys of its sequence.
//
// A tile has G sequences of at largest L tokens, as (G, heads, L, L). (L is not a compile-time constant: new lengths are frequent.)
// The visible keys of a query always come first: all of its sequence, or, with prefixes (translation), the source and the tokens
// up to the query. A row has a block of threads, each with eight keys.

struct Row {
    int query, head, length;  // length: of the sequence
    int visible;              // number of keys that the query attends to; 0 for padding
    i64 token;                // row of the query in the batch
};

__device__ inline Row get_row(const i64 *starts, const i64 *lengths, const i64 *prefixes, int heads, int L) {
    Row row;
    i64 index = blockIdx.x;
    row.query = index % L;
    row.head = index / L % heads;
    i64 g = index / L / heads;
    row.length = lengths[g];
    int causal = row.query + 1;
    row.visible = row.query >= row.length ? 0 : !prefixes ? row.length : prefixes[g] > causal ? (int)prefixes[g] : causal;
    row.token = starts[g] + row.query;
    return row;
}

// Apply dropout to eight weights. Their elements `head · length + key` of the query's token may belong to two blocks of random bits.
__device__ inline void drop_weights(A *v, Row row, const i64 *rows, Drop drop) {
    if (!drop.threshold || !row.visible) return;
    const i64 *example_and_token = rows + 2 * row.token;
    u32 c[4], block = 0xffffffffu;
    for (int j = 0; j < 8; j++) {
        u32 element = row.head * row.length + 8 * threadIdx.x + j;
        if (element / 8 != block) {
            block = element / 8;
            c[0] = block, c[1] = (u32)example_and_token[1];
            c[2] = (u32)(u64)example_and_token[0], c[3] = (u32)((u64)example_and_token[0] >> 32);
            philox(c, drop.key0, drop.key1);
        }
        u32 half = element % 8, bits = half % 2 ? c[half / 2] >> 16 : c[half / 2] & 0xFFFFu;
        v[j] = bits >= drop.threshold ? v[j] * drop.scale : (A)0;
    }
}

// x (G, heads, L, L) is overwritten with softmax(scale · x), which after dropout is written into dropped, unless it is null
extern "C" __global__ void weights(T *x, const i64 *starts, const i64 *lengths, const i64 *prefixes, int heads, int L, double scale,
                                   const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold, double drop_scale, T *dropped) {
    Row row = get_row(starts, lengths, prefixes, heads, L);
    T *weights_row = x + (i64)blockIdx.x * L;
    int first = 8 * threadIdx.x;
    A v[8], largest = -1e38, sum = 0;
    load8(v, weights_row, first, L);
    for (int j = 0; j < 8; j++) {
        v[j] *= (A)scale;
        if (first + j < row.visible && v[j] > largest) largest = v[j];
    }
    largest = block_max(largest);
    for (int j = 0; j < 8; j++) {
        v[j] = first + j < row.visible ? exp(v[j] - largest) : (A)0;
        sum += v[j];
    }
    sum = block_sum(sum);
    for (int j = 0; j < 8; j++) v[j] = row.visible ? v[j] / sum : (A)0;
    store8(weights_row, v, first, L);
    if (dropped) {
        drop_weights(v, row, rows, make_drop(key0, key1, step, threshold, drop_scale));
        store8(dropped + (i64)blockIdx.x * L, v, first, L);
    }
}

// y (G, heads, L, L), the softmax -> dropped, the softmax after dropout, computed again
extern "C" __global__ void dropped_weights(const T *y, const i64 *starts, const i64 *lengths, const i64 *prefixes, int heads, int L,
                                           const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold, double drop_scale, T *dropped) {
    Row row = get_row(starts, lengths, prefixes, heads, L);
    i64 at = (i64)blockIdx.x * L;
    A v[8];
    load8(v, y + at, 8 * threadIdx.x, L);
    drop_weights(v, row, rows, make_drop(key0, key1, step, threshold, drop_scale));
    store8(dropped + at, v, 8 * threadIdx.x, L);
}

// dy (G, heads, L, L), the gradient of the weights after dropout, is overwritten with that of x; y: the softmax
extern "C" __global__ void weights_backward(T *dy, const T *y, const i64 *starts, const i64 *lengths, const i64 *prefixes, int heads,
                                            int L, double scale, const i64 *rows, u32 key0, u32 key1, const u32 *step, u32 threshold,
                                            double drop_scale) {
    Row row = get_row(starts, lengths, prefixes, heads, L);
    i64 at = (i64)blockIdx.x * L;
    int first = 8 * threadIdx.x;
    A d[8], p[8], sum = 0;
    load8(d, dy + at, first, L);
    load8(p, y + at, first, L);
    drop_weights(d, row, rows, make_drop(key0, key1, step, threshold, drop_scale));
    for (int j = 0; j < 8; j++)
        if (first + j < row.visible) sum += d[j] * p[j];
    sum = block_sum(sum);
    for (int j = 0; j < 8; j++) d[j] = first + j < row.visible ? (d[j] - sum) * p[j] * (A)scale : (A)0;
    store8(dy + at, d, first, L);
}
