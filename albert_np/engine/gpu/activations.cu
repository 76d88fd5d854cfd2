// Kernel of core/layers/activations.py, fused with the bias of the linear map before it: y = act(x + b). Only x is stored.

__device__ inline A activation_value(int act, A x) {
    if (act == 0) return x / 2 * (1 + tanh(x * ((A)0.7978845608028654 + (A)0.035677408136300125 * x * x)));  // gelu_new
    if (act == 1) return x / 2 * (1 + erf(x * (A)0.7071067811865476));                                       // gelu
    if (act == 2) return x > 0 ? x : (A)0;                                                                   // relu
    return tanh(x);
}

__device__ inline A activation_slope(int act, A x) {
    if (act == 0) {
        A square = x * x, t = tanh(x * ((A)0.7978845608028654 + (A)0.035677408136300125 * square));
        return (1 + t + x * (1 - t * t) * ((A)0.7978845608028654 + 3 * (A)0.035677408136300125 * square)) / 2;
    }
    if (act == 1) return (1 + erf(x * (A)0.7071067811865476)) / 2 + x * exp(-x * x / 2) * (A)0.3989422804014327;
    if (act == 2) return x > 0 ? 1 : 0;
    A t = tanh(x);
    return 1 - t * t;
}

// x (n,), rows of W; bias (W,) or null -> y (n,)
extern "C" __global__ void activation(const T *x, const T *bias, i64 n, int act, T *y) {
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x)
        y[i] = (T)activation_value(act, (A)x[i] + (bias ? (A)bias[i % W] : (A)0));
}

// dy, x (n,) -> dx (n,), which may be dy itself; the activation itself is written into y (n,), unless it is null
extern "C" __global__ void activation_backward(const T *dy, const T *x, const T *bias, i64 n, int act, T *dx, T *y) {
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x) {
        A z = (A)x[i] + (bias ? (A)bias[i % W] : (A)0);
        if (y) y[i] = (T)activation_value(act, z);
        dx[i] = (T)((A)dy[i] * activation_slope(act, z));
    }
}
