// Kernel of core/layers/softmax.py: x (N, W) -> y (N, W), a block of threads per row.

extern "C" __global__ void softmax(const T *x, T *y) {
    const T *row = x + (i64)blockIdx.x * W;
    T *out = y + (i64)blockIdx.x * W;
    A largest = -1e38, sum = 0;
    for (int c = threadIdx.x; c < W; c += blockDim.x) largest = (A)row[c] > largest ? (A)row[c] : largest;
    largest = block_max(largest);
    for (int c = threadIdx.x; c < W; c += blockDim.x) sum += exp((A)row[c] - largest);
    sum = block_sum(sum);
    for (int c = threadIdx.x; c < W; c += blockDim.x) out[c] = (T)(exp((A)row[c] - largest) / sum);
}

extern "C" __global__ void softmax_backward(const T *dy, const T *y, T *dx) {
    i64 at = (i64)blockIdx.x * W;
    A sum = 0;
    for (int c = threadIdx.x; c < W; c += blockDim.x) sum += (A)dy[at + c] * (A)y[at + c];
    sum = block_sum(sum);
    for (int c = threadIdx.x; c < W; c += blockDim.x) dx[at + c] = (T)(((A)dy[at + c] - sum) * (A)y[at + c]);
}
