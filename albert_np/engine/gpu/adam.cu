// Kernel of core/optim/adamw.py and lamb.py: one pass over the flat buffers. A block has a chunk of one tensor.

// chunks (·, 3): start, stop, tensor · rates, decays (tensors,): factor of lr, weight decay.  m, v, w, g (n,)
// AdamW: updates w.  LAMB (`lamb`): writes u (n,), and ‖w‖² and ‖u‖² of each chunk into squares (·, 2), for `apply_lamb`
// count: index of this update from 1, for the bias correction of the moments (`correct`); skipped (1,), or null: the number of
// skipped updates, which is subtracted from it; finite (1,), or null: if 0, the update is skipped
extern "C" __global__ void adam(const i64 *chunks, const double *rates, const double *decays, T *w, const T *g, T *m, T *v, T *u,
                                A *squares, double lr, double beta1, double beta2, double eps, double count, int correct,
                                int lamb, const i64 *finite, const i64 *skipped) {
    if (finite && !*finite) return;
    if (skipped) count -= *skipped;
    A correct1 = correct ? 1 - pow(beta1, count) : 1, correct2 = correct ? 1 - pow(beta2, count) : 1;
    const i64 *chunk = chunks + 3 * (i64)blockIdx.x;
    A rate = (A)(lr * rates[chunk[2]]), decay = (A)decays[chunk[2]], w_square = 0, u_square = 0;
    for (i64 i = chunk[0] + threadIdx.x; i < chunk[1]; i += blockDim.x) {
        A grad = g[i], a = (A)beta1 * (A)m[i] + (A)(1 - beta1) * grad, b = (A)beta2 * (A)v[i] + (A)(1 - beta2) * (grad * grad);
        m[i] = (T)a, v[i] = (T)b;
        A weight = w[i], update = a / correct1 / (sqrt(b / correct2) + (A)eps) + decay * weight;
        if (lamb) {
            u[i] = (T)update;
            w_square += weight * weight, u_square += update * update;
        } else {
            w[i] = (T)(weight - rate * update);
        }
    }
    if (!lamb) return;
    w_square = block_sum(w_square);
    u_square = block_sum(u_square);
    if (threadIdx.x == 0) squares[2 * (i64)blockIdx.x] = w_square, squares[2 * (i64)blockIdx.x + 1] = u_square;
}

// LAMB's second half. firsts (tensors + 1,): index of each tensor's first chunk; trusts (tensors,): 0 for the trust ratio 1
extern "C" __global__ void apply_lamb(const i64 *chunks, const i64 *firsts, const double *rates, const double *trusts, T *w, const T *u,
                                      const A *squares, double lr, const i64 *finite) {
    if (finite && !*finite) return;
    const i64 *chunk = chunks + 3 * (i64)blockIdx.x;
    i64 tensor = chunk[2];
    A ratio = 1;
    if (trusts[tensor] != 0) {
        A w_square = 0, u_square = 0;
        for (i64 k = firsts[tensor] + threadIdx.x; k < firsts[tensor + 1]; k += blockDim.x)
            w_square += squares[2 * k], u_square += squares[2 * k + 1];
        w_square = block_sum(w_square);
        u_square = block_sum(u_square);
        if (w_square > 0 && u_square > 0) ratio = sqrt(w_square) / sqrt(u_square);
    }
    A rate = (A)(lr * rates[tensor]) * ratio;
    for (i64 i = chunk[0] + threadIdx.x; i < chunk[1]; i += blockDim.x) w[i] = (T)((A)w[i] - rate * (A)u[i]);
}
