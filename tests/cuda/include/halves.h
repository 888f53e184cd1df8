// CUDA's 16-bit and 8-bit types for the processor, as far as candle's kernels name them. Arithmetic is done in `float` and
// rounded to the type; f16 and f8 are named but not computed with.
#pragma once
#include "../device.h"

#include <stdlib.h>

struct __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float x) {
        unsigned all = __float_as_uint(x);
        bits = x != x ? (all >> 16) | 0x40 : (all + 0x7fff + (all >> 16 & 1)) >> 16;
    }
    template <class V> __nv_bfloat16(V x) : __nv_bfloat16((float)x) {}
    operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
struct __half {
    uint16_t bits;
    __half() = default;
    template <class V> __half(V) { abort(); }
    operator float() const { abort(); }
};
struct __nv_fp8_e4m3 {
    uint8_t __x;
    __nv_fp8_e4m3() = default;
    template <class V> __nv_fp8_e4m3(V) { abort(); }
    operator float() const { abort(); }
};
enum { __NV_E4M3 };
inline __half __nv_cvt_fp8_to_halfraw(uint8_t, int) { abort(); }

// Arithmetic that stays in the type.
#define HALF(type)                                                                                     \
    inline type operator+(type a, type b) { return (float)a + (float)b; }                              \
    inline type operator-(type a, type b) { return (float)a - (float)b; }                              \
    inline type operator*(type a, type b) { return (float)a * (float)b; }                              \
    inline type operator/(type a, type b) { return (float)a / (float)b; }                              \
    inline type operator-(type a) { return -(float)a; }                                                \
    inline type &operator+=(type &a, type b) { return a = a + b; }                                     \
    inline type &operator*=(type &a, type b) { return a = a * b; }                                     \
    inline bool operator<(type a, type b) { return (float)a < (float)b; }                              \
    inline bool operator>(type a, type b) { return (float)a > (float)b; }                              \
    inline bool operator<=(type a, type b) { return (float)a <= (float)b; }                            \
    inline bool operator>=(type a, type b) { return (float)a >= (float)b; }                            \
    inline bool operator==(type a, type b) { return (float)a == (float)b; }                            \
    inline bool operator!=(type a, type b) { return (float)a != (float)b; }                            \
    inline bool __hisnan(type a) { return (float)a != (float)a; }                                      \
    inline type __hmax_nan(type a, type b) { return __hisnan(a) || (float)a > (float)b ? a : b; }      \
    inline type __hmin_nan(type a, type b) { return __hisnan(a) || (float)a < (float)b ? a : b; }      \
    inline type __habs(type a) { return fabsf(a); }                                                    \
    inline type hsqrt(type a) { return sqrtf(a); }                                                     \
    inline type hcos(type a) { return cosf(a); }                                                       \
    inline type hsin(type a) { return sinf(a); }                                                       \
    inline type hlog(type a) { return logf(a); }                                                       \
    inline type hexp(type a) { return expf(a); }
HALF(__nv_bfloat16)
HALF(__half)

// A pair of values.
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
#define PAIRS(name, op) \
    inline __nv_bfloat162 name(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x op b.x, a.y op b.y}; }
PAIRS(__hadd2, +)
PAIRS(__hsub2, -)
PAIRS(__hmul2, *)
PAIRS(__h2div, /)

inline float __half2float(__half x) { return x; }
inline __half __float2half(float x) { return x; }
inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
inline __half __ushort_as_half(uint16_t bits) { return same_bits<__half>(bits); }
inline uint16_t __half_as_ushort(__half x) { return x.bits; }
inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
inline int __float_as_int(float x) { return same_bits<int>(x); }
template <class V, class W, class X> V atomicCAS(V *at, W expected, X value) {
    V old = *at;
    if (old == (V)expected) *at = (V)value;
    return old;
}
template <class V, class W> V atomicMax(V *at, W value) {
    V old = *at;
    *at = max(old, (V)value);
    return old;
}
template <class V, class W> V atomicMin(V *at, W value) {
    V old = *at;
    *at = min(old, (V)value);
    return old;
}
template <class V> V atomicAdd(V *at, V value) {
    V old = *at;
    *at = old + value;
    return old;
}
inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
inline double normcdf(double x) { return 0.5 * erfc(-x * 0.7071067811865476); }
#define CUDA_VERSION 13000
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0

struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
