// Twin of core/layers/softmax.py: x (N, W) -> y (N, W), a block of threads a row.

extern "C" __global__ void softmax(const T *x, T *y) {
    const T *from = x + (i64)blockIdx.x * W;
    T *to = y + (i64)blockIdx.x * W;
    A most = -1e38, sum = 0;
    for (int c = threadIdx.x; c < W; c += blockDim.x) most = (A)from[c] > most ? (A)from[c] : most;
    most = block_max(most);
    for (int c = threadIdx.x; c < W; c += blockDim.x) sum += exp((A)from[c] - most);
    sum = block_sum(sum);
    for (int c = threadIdx.x; c < W; c += blockDim.x) to[c] = (T)(exp((A)from[c] - most) / sum);
}

extern "C" __global__ void softmax_backward(const T *dy, const T *y, T *dx) {
    i64 at = (i64)blockIdx.x * W;
    A sum = 0;
    for (int c = threadIdx.x; c < W; c += blockDim.x) sum += (A)dy[at + c] * (A)y[at + c];
    sum = block_sum(sum);
    for (int c = threadIdx.x; c < W; c += blockDim.x) dx[at + c] = (T)(((A)dy[at + c] - sum) * (A)y[at + c]);
}
