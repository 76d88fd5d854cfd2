// float16 as arrays hold it; arithmetic is done in float. NVRTC on its own comes without CUDA's header for it.

#ifndef HALF_ON_HOST  // where kernels are run without a GPU, these two are given
__device__ inline unsigned short bits_of(float x) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
__device__ inline float value_of_bits(unsigned short bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
#endif

struct Half {
    unsigned short bits;
    Half() = default;
    __device__ Half(float x) : bits(bits_of(x)) {}
    __device__ operator float() const { return value_of_bits(bits); }
};
