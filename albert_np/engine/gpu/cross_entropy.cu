// Twin of core/layers/cross_entropy.py: a block of threads a row, which is read once for the loss and once for the gradient.
// The probabilities are not kept: of each row only log Σ exp x is.

// x (M, W), labels (M,) -> nll (M,), lse (M,)
extern "C" __global__ void cross_entropy(const T *x, const i64 *labels, double smoothing, A *nll, A *lse) {
    const T *row = x + (i64)blockIdx.x * W;
    A most = -1e38, sum = 0, total = 0;
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        A v = row[c];
        total += v;
        if (v > most) {  // what was summed so far is measured against the new largest
            sum = sum * exp(most - v) + 1;
            most = v;
        } else {
            sum += exp(v - most);
        }
    }
    A largest = block_max(most);
    A found = log(block_sum(sum * exp(most - largest))) + largest;
    A mean = block_sum(total) / W;
    if (threadIdx.x == 0) {
        lse[blockIdx.x] = found;
        A wanted = (1 - (A)smoothing) * (A)row[labels[blockIdx.x]];
        if (smoothing != 0) wanted += (A)smoothing * mean;  // else a class that is out of the question may make the mean infinite
        nll[blockIdx.x] = found - wanted;
    }
}

// scaled (M,): what each row's loss counts, times dloss -> dx (M, W)
extern "C" __global__ void cross_entropy_backward(const T *x, const i64 *labels, const A *lse, const A *scaled, double smoothing,
                                                  T *dx) {
    i64 at = (i64)blockIdx.x * W, label = labels[blockIdx.x];
    A scale = scaled[blockIdx.x], base = lse[blockIdx.x];
    for (int c = threadIdx.x; c < W; c += blockDim.x) {
        A wanted = (A)smoothing / W + (c == label ? 1 - (A)smoothing : (A)0);
        dx[at + c] = (T)((exp((A)x[at + c] - base) - wanted) * scale);
    }
}
