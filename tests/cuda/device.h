// CUDA C's additions to C++, for kernels that run on the processor: the threads of a block take turns.
#pragma once

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

// The files of candle's kernels share functions; ours is compiled for several types, with different functions.
#ifdef CANDLE
#define __device__ inline
#else
#define __device__ static
#endif
#define __host__
#define __global__
#define __forceinline__
#define __shared__ static
#define __launch_bounds__(...)

struct Dim {
    unsigned x, y, z;
};
extern Dim gridDim, blockDim, blockIdx, threadIdx;
using std::max;
using std::min;

// Lets every other thread of the block reach the same point.
void take_turns();
// Values that the threads of a block exchange.
extern double exchanged[1024];

inline void __syncthreads() { take_turns(); }
template <class V> V __shfl_xor_sync(unsigned, V v, int mask, int = 32) {
    V found;
    memcpy(&exchanged[threadIdx.x], &v, sizeof v);
    take_turns();
    memcpy(&found, &exchanged[threadIdx.x ^ mask], sizeof v);
    take_turns();
    return found;
}

template <class To, class From> To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline float __int_as_float(int x) { return same_bits<float>(x); }

// A kernel with its arguments bound.
typedef std::function<void()> Bound;
// Binds a kernel to the arguments at these addresses.
typedef Bound (*Bind)(void (*kernel)(), void **args);
void enlist(const char *name, void (*kernel)(), Bind bind);

template <class... P, size_t... I> Bound bound(void (*kernel)(P...), void **args, std::index_sequence<I...>) {
    std::tuple<P...> kept(*(P *)args[I]...);
    return [=] { std::apply(kernel, kept); };
}
template <class... P> struct Enlisted {
    Enlisted(const char *name, void (*kernel)(P...)) {
        enlist(name, (void (*)())kernel, [](void (*kernel)(), void **args) {
            return bound((void (*)(P...))kernel, args, std::index_sequence_for<P...>());
        });
    }
};
