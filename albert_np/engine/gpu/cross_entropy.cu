// Kernel of core/layers/cross_entropy.py: a block of threads per row, which is read once for the loss and once for the gradient.
// The probabilities are not stored, only log Σ exp x of each row.

// x (M, W), labels (M,) -> nll (M,), lse (M,)
extern "C" __global__ void cross_entropy(const T *x, const i64 *labels, double smoothing, A *nll, A *lse) {
    const T *row = x + (i64)blockIdx.x * W;
    A running_max = -1e38, sum = 0, total = 0;
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        A v = row[c];
        total += v;
        if (v > running_max) {  // rescale the sum so far to the new maximum
            sum = sum * exp(running_max - v) + 1;
            running_max = v;
        } else {
            sum += exp(v - running_max);
        }
    }
    A largest = block_max(running_max);
    A log_sum = log(block_sum(sum * exp(running_max - largest))) + largest;
    A mean = block_sum(total) / W;
    if (threadIdx.x == 0) {
        lse[blockIdx.x] = log_sum;
        A target = (1 - (A)smoothing) * (A)row[labels[blockIdx.x]];
        if (smoothing != 0) target += (A)smoothing * mean;  // without smoothing, an excluded class may make the mean infinite
        nll[blockIdx.x] = log_sum - target;
    }
}

// scaled (M,): each row's weight / denominator · dloss -> dx (M, W)
extern "C" __global__ void cross_entropy_backward(const T *x, const i64 *labels, const A *lse, const A *scaled, double smoothing,
                                                  T *dx) {
    i64 at = (i64)blockIdx.x * W, label = labels[blockIdx.x];
    A scale = scaled[blockIdx.x], base = lse[blockIdx.x];
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        A target = (A)smoothing / W + (c == label ? 1 - (A)smoothing : (A)0);
        dx[at + c] = (T)((exp((A)x[at + c] - base) - target) * scale);
    }
}
