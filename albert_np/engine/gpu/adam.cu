// Twin of core/optim/adamw.py: one pass over the flat buffers. A block has a piece of one tensor.

// pieces (·, 3): start, stop, tensor · rates, decays (tensors,): factor of lr, weight decay.  m, v, w, g (n,)
// AdamW: w moves.  LAMB (`lamb`): u (n,) is written, and for each piece ‖w‖² and ‖u‖² into squares (·, 2); `move` is to follow
// count: of this update, for the correction of the moments' bias if it is asked for, less those in skipped (1,) that were left
// out; finite (1,): where it is 0 nothing moves; both may be null
extern "C" __global__ void adam(const i64 *pieces, const double *rates, const double *decays, T *w, const T *g, T *m, T *v, T *u,
                                A *squares, double lr, double beta1, double beta2, double eps, double count, int correct,
                                int lamb, const i64 *finite, const i64 *skipped) {
    if (finite && !*finite) return;
    if (skipped) count -= *skipped;
    A correct1 = correct ? 1 - pow(beta1, count) : 1, correct2 = correct ? 1 - pow(beta2, count) : 1;
    const i64 *piece = pieces + 3 * (i64)blockIdx.x;
    A rate = (A)(lr * rates[piece[2]]), decay = (A)decays[piece[2]], of_w = 0, of_u = 0;
    for (i64 i = piece[0] + threadIdx.x; i < piece[1]; i += blockDim.x) {
        A grad = g[i], a = (A)beta1 * (A)m[i] + (A)(1 - beta1) * grad, b = (A)beta2 * (A)v[i] + (A)(1 - beta2) * (grad * grad);
        m[i] = (T)a, v[i] = (T)b;
        A here = w[i], move = a / correct1 / (sqrt(b / correct2) + (A)eps) + decay * here;
        if (lamb) {
            u[i] = (T)move;
            of_w += here * here, of_u += move * move;
        } else {
            w[i] = (T)(here - rate * move);
        }
    }
    if (!lamb) return;
    of_w = block_sum(of_w);
    of_u = block_sum(of_u);
    if (threadIdx.x == 0) squares[2 * (i64)blockIdx.x] = of_w, squares[2 * (i64)blockIdx.x + 1] = of_u;
}

// LAMB's second half. firsts (tensors + 1,): where the pieces of each tensor begin; a tensor without decay has the ratio 1
extern "C" __global__ void move(const i64 *pieces, const i64 *firsts, const double *rates, const double *trusts, T *w, const T *u,
                                const A *squares, double lr, const i64 *finite) {
    if (finite && !*finite) return;
    const i64 *piece = pieces + 3 * (i64)blockIdx.x;
    i64 tensor = piece[2];
    A ratio = 1;
    if (trusts[tensor] != 0) {
        A of_w = 0, of_u = 0;
        for (i64 k = firsts[tensor] + threadIdx.x; k < firsts[tensor + 1]; k += blockDim.x)
            of_w += squares[2 * k], of_u += squares[2 * k + 1];
        of_w = block_sum(of_w);
        of_u = block_sum(of_u);
        if (of_w > 0 && of_u > 0) ratio = sqrt(of_w) / sqrt(of_u);
    }
    A rate = (A)(lr * rates[tensor]) * ratio;
    for (i64 i = piece[0] + threadIdx.x; i < piece[1]; i += blockDim.x) w[i] = (T)((A)w[i] - rate * (A)u[i]);
}
