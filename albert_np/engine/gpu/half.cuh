// float16 for arrays; arithmetic is in float. NVRTC alone does not have CUDA's header for it.

#ifndef HALF_ON_HOST  // the tests' host compiler has its own versions of these two
__device__ inline unsigned short half_bits(float x) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
__device__ inline float half_value(unsigned short bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
#endif

struct Half {
    unsigned short bits;
    Half() = default;
    __device__ Half(float x) : bits(half_bits(x)) {}
    __device__ operator float() const { return half_value(bits); }
};
