// The operations of `ops` on a CUDA device, compiled for one element type when first needed.
//
// A kernel takes its result, the number of results (or of rows), and its arguments. Feature maps are (n, h, w, c): neighbouring
// threads have neighbouring channels. A thread computes whole results in a fixed order, so the same input gives the same bits. `T` is
// the type in memory; `A` is the type computed with, at least single precision.

#if defined(F64)
#define KERNEL(name) extern "C" __global__ void gradcam_##name##_f64
typedef double T;
typedef double A;
__device__ A up(T x) { return x; }
__device__ T down(A x) { return x; }
#elif defined(F32)
#define KERNEL(name) extern "C" __global__ void gradcam_##name##_f32
typedef float T;
typedef float A;
__device__ A up(T x) { return x; }
__device__ T down(A x) { return x; }
#elif defined(BF16)
#define KERNEL(name) extern "C" __global__ void gradcam_##name##_bf16
struct T {
    unsigned short bits;
};
typedef float A;
__device__ A up(T x) { return __uint_as_float((unsigned)x.bits << 16); }
__device__ T down(A x) {
    unsigned bits = __float_as_uint(x);
    // Rounds to nearest, ties to even; NaN keeps its sign and becomes quiet.
    T y;
    y.bits = x != x ? (unsigned short)(bits >> 16 | 0x40) : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    return y;
}
#elif defined(F16)
#define KERNEL(name) extern "C" __global__ void gradcam_##name##_f16
struct T {
    unsigned short bits;
};
typedef float A;
__device__ A up(T x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}
__device__ T down(A x) {
    T y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
}
#endif

#define INFINITE ((A)__int_as_float(0x7f800000))
#define EACH(i, n) for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)

// NaN if either is, as in PyTorch.
__device__ A larger(A a, A b) { return a > b || a != a ? a : b; }
__device__ A smaller(A a, A b) { return a < b || a != a ? a : b; }

// Activations by their numbers in `Activation::args`. The parameters are the fields of the case in their order.
enum {
    IDENTITY, RELU, CLIP, LEAKY_RELU, SILU, GELU, GELU_TANH, QUICK_GELU, HARD_SWISH, HARD_SIGMOID, SIGMOID,
    TANH, EXP, LOG, ERF, SOFTPLUS, MISH, SOFTSIGN, ABS, SIN, COS, ELU, POWER, ROUND
};

#define GELU_SLOPE ((A)1.5957691216057308)
#define GELU_CUBIC ((A)0.044715)
#define QUICK ((A)1.702)

__device__ A relu6(A x) { return smaller(larger(x, 0), 6); }
__device__ A normal_cdf(A x) { return (A)0.5 * erfc(-x * (A)0.7071067811865476); }
__device__ A normal_pdf(A x) { return exp((A)-0.5 * x * x) * (A)0.3989422804014327; }
// Twice the argument of the hyperbolic tangent in GELU's approximation.
__device__ A gelu_exponent(A x) { return GELU_SLOPE * (x + GELU_CUBIC * x * x * x); }

__device__ A softplus(A x) { return larger(x, 0) + log1p(exp(-fabs(x))); }
__device__ A power(A x, A p) {
    if (p == 2) return x * x;
    if (p == 1) return x;
    if (p == 0) return 1;
    if (p == 3) return x * x * x;
    if (p == (A)0.5) return sqrt(x);
    if (p == (A)-0.5) return 1 / sqrt(x);
    if (p == -1) return 1 / x;
    if (p == (A)-1.5) return 1 / (x * sqrt(x));
    if (p == -2) return 1 / (x * x);
    return pow(x, p);
}

struct Function {
    int f;
    A a, b;
};
__device__ Function function(int f, double a, double b) {
    Function g = {f, (A)a, (A)b};
    return g;
}

__device__ A activate(Function g, A x) {
    switch (g.f) {
    case RELU: return larger(x, 0);
    case CLIP: return smaller(larger(x, g.a), g.b);
    case LEAKY_RELU: return x > 0 ? x : x * g.a;
    case SILU: return x / (1 + exp(-x));
    case GELU: return x * normal_cdf(x);
    case GELU_TANH: return x / (1 + exp(-gelu_exponent(x)));
    case QUICK_GELU: return x / (1 + exp(-QUICK * x));
    case HARD_SWISH: return x * relu6(x + 3) * (A)(1.0 / 6.0);
    case HARD_SIGMOID: return smaller(larger(x + g.b / g.a, 0), 1 / g.a) * g.a;
    case SIGMOID: return 1 / (1 + exp(-x));
    case TANH: return tanh(x);
    case EXP: return exp(x);
    case LOG: return log(x);
    case ERF: return erf(x);
    case SOFTPLUS: return softplus(x);
    case MISH: return x * tanh(softplus(x));
    case SOFTSIGN: return x / (1 + fabs(x));
    case ABS: return fabs(x);
    case SIN: return sin(x);
    case COS: return cos(x);
    case ELU: return x > 0 ? x : g.a * (exp(g.b * x) - 1);
    case POWER: return power(x, g.a);
    case ROUND: return smaller(larger(rint(x), g.a), g.b);
    default: return x;
    }
}

// The sigmoid and its distance to 1, both without cancellation.
struct Parts {
    A s, rest;
};
__device__ Parts sigmoid_parts(A x) {
    A e = exp(x > 0 ? -x : x);
    A large = 1 / (1 + e), little = e * large;
    Parts parts = {x > 0 ? large : little, x > 0 ? little : large};
    return parts;
}

// At kinks, the derivatives are PyTorch's.
__device__ A derivative(Function g, A x) {
    Parts p;
    A t;
    switch (g.f) {
    case RELU: return x > 0 || x != x ? 1 : 0;
    case CLIP: return x > g.a && x < g.b ? 1 : 0;
    case LEAKY_RELU: return x > 0 ? (A)1 : g.a;
    case SILU: p = sigmoid_parts(x); return p.s * (1 + x * p.rest);
    case GELU: return normal_cdf(x) + x * normal_pdf(x);
    case GELU_TANH:
        p = sigmoid_parts(gelu_exponent(x));
        return p.s + x * p.s * p.rest * GELU_SLOPE * (1 + 3 * GELU_CUBIC * x * x);
    case QUICK_GELU: p = sigmoid_parts(QUICK * x); return p.s * (1 + QUICK * x * p.rest);
    case HARD_SWISH: return x > -3 || x != x ? (x >= 3 ? (A)1 : x * (A)(1.0 / 3.0) + (A)0.5) : 0;
    case HARD_SIGMOID: return x > -g.b / g.a && x < (1 - g.b) / g.a ? g.a : 0;
    case SIGMOID: p = sigmoid_parts(x); return p.s * p.rest;
    case TANH: t = tanh(x); return 1 - t * t;
    case EXP: return exp(x);
    case LOG: return 1 / x;
    case ERF: return (A)1.1283791670955126 * exp(-x * x);
    case SOFTPLUS: return sigmoid_parts(x).s;
    case MISH: t = tanh(softplus(x)); return t + x * (1 - t * t) * sigmoid_parts(x).s;
    case SOFTSIGN: t = 1 + fabs(x); return 1 / (t * t);
    case ABS: return x > 0 ? (A)1 : x < 0 ? (A)-1 : x;
    case SIN: return cos(x);
    case COS: return -sin(x);
    case ELU: return x > 0 ? (A)1 : g.a * g.b * exp(g.b * x);
    case POWER: return g.a * power(x, g.a - 1);
    case ROUND: t = rint(x); return t >= g.a && t <= g.b ? 1 : 0;
    default: return 1;
    }
}

// Where the derivative is 0, an infinite or undefined gradient is stopped too.
__device__ A gradient(Function g, A x, A grad) {
    A d = derivative(g, x);
    bool flat = g.f == RELU || g.f == CLIP || g.f == LEAKY_RELU || g.f == HARD_SWISH || g.f == HARD_SIGMOID || g.f == ROUND;
    return flat && d == 0 ? 0 : grad * d;
}

KERNEL(activation)(T *y, unsigned n, const T *x, int f, double a, double b) {
    Function g = function(f, a, b);
    EACH(i, n) y[i] = down(activate(g, up(x[i])));
}

KERNEL(activation_backward)(T *dx, unsigned n, const T *grad, const T *x, int f, double a, double b) {
    Function g = function(f, a, b);
    EACH(i, n) dx[i] = down(gradient(g, up(x[i]), up(grad[i])));
}

// The operations after a convolution or a matrix product: `f(x * scale + shift + residual)`, where all but f are optional.
KERNEL(epilogue)(T *y, unsigned n, const T *x, const A *scale, const A *shift, const T *residual, int f, double a, double b,
                 unsigned c) {
    Function g = function(f, a, b);
    EACH(i, n) {
        A v = up(x[i]);
        if (scale) v *= scale[i % c];
        if (shift) v += shift[i % c];
        if (residual) v += up(residual[i]);
        y[i] = down(activate(g, v));
    }
}

// The epilogue's backward pass: f's derivative can be computed from its output y.
KERNEL(epilogue_backward)(T *dx, unsigned n, const T *y, const T *grad, const A *scale, int f, double a, double b,
                          unsigned c) {
    Function g = function(f, a, b);
    EACH(i, n) {
        A v = gradient(g, up(y[i]), up(grad[i]));
        dx[i] = down(scale ? v * scale[i % c] : v);
    }
}

KERNEL(add)(T *y, unsigned n, const T *a, const T *b) {
    EACH(i, n) y[i] = down(up(a[i]) + up(b[i]));
}

// A map times a gate for each channel, of each image or shared by all.
KERNEL(multiply)(T *y, unsigned n, const T *x, const T *gate, unsigned c, unsigned positions, unsigned gates) {
    EACH(i, n) {
        unsigned image = i / (c * positions);
        y[i] = down(up(x[i]) * up(gate[image % gates * c + i % c]));
    }
}

// The sum of a product over the positions, for each image and channel.
KERNEL(overlap)(T *y, unsigned n, const T *a, const T *b, unsigned c, unsigned positions) {
    EACH(i, n) {
        size_t first = (size_t)(i / c) * positions * c + i % c;
        A sum = 0;
        for (unsigned p = 0; p < positions; p++) sum += up(a[first + p * c]) * up(b[first + p * c]);
        y[i] = down(sum);
    }
}

// One axis of a pooling. A window slides, or (stride 0) the input is split into `output` nearly equal windows.
struct Axis {
    int input, output, kernel, stride, padding, dilation, count_padding;
};
#define AXIS(name) int name##_input, int name##_output, int name##_kernel, int name##_stride, int name##_padding, int name##_dilation, int name##_count_padding
#define AXIS_OF(name) {name##_input, name##_output, name##_kernel, name##_stride, name##_padding, name##_dilation, name##_count_padding}

struct Window {
    int start, end, size;
};
__device__ Window window(Axis a, int o) {
    Window w;
    if (a.stride == 0) {
        w.start = (int)((long long)o * a.input / a.output);
        w.end = (int)(((long long)(o + 1) * a.input + a.output - 1) / a.output);
        w.size = w.end - w.start;
        return w;
    }
    int first = o * a.stride, last = first + a.dilation * (a.kernel - 1) + 1;
    int skipped = first < a.padding ? (a.padding - first + a.dilation - 1) / a.dilation * a.dilation : 0;
    w.start = min(first + skipped - a.padding, a.input);
    w.end = max(min(max(last - a.padding, 0), a.input), w.start);
    w.size = a.count_padding ? min(last, a.input + 2 * a.padding) - first : w.end - w.start;
    return w;
}
// The windows that may read a position.
struct Readers {
    int first, last;
};
__device__ Readers readers(Axis a, int position) {
    Readers r;
    if (a.stride == 0) {
        r.first = max((int)((long long)position * a.output / a.input) - 1, 0);
        r.last = min((int)((long long)(position + 1) * a.output / a.input) + 1, a.output - 1);
        return r;
    }
    int before = position + a.padding - a.dilation * (a.kernel - 1);
    r.first = before > 0 ? before / a.stride : 0;
    r.last = min((position + a.padding) / a.stride, a.output - 1);
    return r;
}

KERNEL(max_pool)(T *y, unsigned n, const T *x, unsigned c, AXIS(r), AXIS(s)) {
    Axis rows = AXIS_OF(r), columns = AXIS_OF(s);
    EACH(i, n) {
        unsigned channel = i % c, o = i / c;
        Window across = window(columns, o % columns.output), down_ = window(rows, o / columns.output % rows.output);
        const T *image = x + (size_t)(o / columns.output / rows.output) * rows.input * columns.input * c;
        A best = -INFINITE;
        for (int row = down_.start; row < down_.end; row += rows.dilation)
            for (int column = across.start; column < across.end; column += columns.dilation)
                best = larger(best, up(image[((size_t)row * columns.input + column) * c + channel]));
        y[i] = down(best);
    }
}

// Each input checks, for every window that reads it, whether it is the window's first maximum.
KERNEL(max_pool_backward)(T *dx, unsigned n, const T *grad, const T *x, unsigned c, AXIS(r), AXIS(s)) {
    Axis rows = AXIS_OF(r), columns = AXIS_OF(s);
    EACH(i, n) {
        unsigned channel = i % c, position = i / c;
        int column = position % columns.input, row = position / columns.input % rows.input;
        size_t image = position / columns.input / rows.input;
        const T *map = x + image * rows.input * columns.input * c;
        A sum = 0;
        Readers above = readers(rows, row), beside = readers(columns, column);
        for (int oy = above.first; oy <= above.last; oy++) {
            Window down_ = window(rows, oy);
            if (row < down_.start || row >= down_.end || (row - down_.start) % rows.dilation) continue;
            for (int ox = beside.first; ox <= beside.last; ox++) {
                Window across = window(columns, ox);
                if (column < across.start || column >= across.end || (column - across.start) % columns.dilation) continue;
                int chosen = -1;
                A best = 0;
                for (int v = down_.start; v < down_.end; v += rows.dilation)
                    for (int u = across.start; u < across.end; u += columns.dilation) {
                        A value = up(map[((size_t)v * columns.input + u) * c + channel]);
                        if (chosen < 0 || value > best || value != value) {
                            chosen = v * columns.input + u;
                            best = value;
                        }
                    }
                if (chosen == row * columns.input + column)
                    sum += up(grad[((image * rows.output + oy) * columns.output + ox) * c + channel]);
            }
        }
        dx[i] = down(sum);
    }
}

KERNEL(mean_pool)(T *y, unsigned n, const T *x, unsigned c, AXIS(r), AXIS(s)) {
    Axis rows = AXIS_OF(r), columns = AXIS_OF(s);
    EACH(i, n) {
        unsigned channel = i % c, o = i / c;
        Window across = window(columns, o % columns.output), down_ = window(rows, o / columns.output % rows.output);
        const T *image = x + (size_t)(o / columns.output / rows.output) * rows.input * columns.input * c;
        A total = 0;
        for (int row = down_.start; row < down_.end; row++) {
            // Row by row, so that the rounding error grows slowly.
            A sum = 0;
            for (int column = across.start; column < across.end; column++)
                sum += up(image[((size_t)row * columns.input + column) * c + channel]);
            total += sum;
        }
        y[i] = down(total / (A)(down_.size * across.size));
    }
}

KERNEL(mean_pool_backward)(T *dx, unsigned n, const T *grad, unsigned c, AXIS(r), AXIS(s)) {
    Axis rows = AXIS_OF(r), columns = AXIS_OF(s);
    EACH(i, n) {
        unsigned channel = i % c, position = i / c;
        int column = position % columns.input, row = position / columns.input % rows.input;
        size_t image = position / columns.input / rows.input;
        A sum = 0;
        Readers above = readers(rows, row), beside = readers(columns, column);
        for (int oy = above.first; oy <= above.last; oy++) {
            Window down_ = window(rows, oy);
            if (row < down_.start || row >= down_.end) continue;
            for (int ox = beside.first; ox <= beside.last; ox++) {
                Window across = window(columns, ox);
                if (column < across.start || column >= across.end) continue;
                A g = up(grad[((image * rows.output + oy) * columns.output + ox) * c + channel]);
                sum += g / (A)(down_.size * across.size);
            }
        }
        dx[i] = down(sum);
    }
}

// A convolution's sizes.
struct Geometry {
    int c, h, w, out, oh, ow, kh, kw, sy, sx, py, px, dy, dx, groups;
};
#define GEOMETRY int g_c, int g_h, int g_w, int g_out, int g_oh, int g_ow, int g_kh, int g_kw, int g_sy, int g_sx, int g_py, int g_px, int g_dy, int g_dx, int g_groups
#define GEOMETRY_OF {g_c, g_h, g_w, g_out, g_oh, g_ow, g_kh, g_kw, g_sy, g_sx, g_py, g_px, g_dy, g_dx, g_groups}

// The inputs of each output position, as a row (kh, kw, c).
KERNEL(im2col)(T *y, unsigned n, const T *x, GEOMETRY) {
    Geometry g = GEOMETRY_OF;
    EACH(i, n) {
        unsigned channel = i % g.c, tap = i / g.c % (g.kh * g.kw), o = i / g.c / (g.kh * g.kw);
        int row = (int)(o / g.ow % g.oh) * g.sy - g.py + (int)(tap / g.kw) * g.dy;
        int column = (int)(o % g.ow) * g.sx - g.px + (int)(tap % g.kw) * g.dx;
        size_t image = o / g.ow / g.oh;
        bool inside = row >= 0 && row < g.h && column >= 0 && column < g.w;
        y[i] = inside ? x[((image * g.h + row) * g.w + column) * g.c + channel] : down(0);
    }
}

// The output row (or column) that reads `position` through the tap at `offset`, or -1.
__device__ int reader(int position, int padding, int offset, int stride, int outputs) {
    int first = position + padding - offset;
    return first >= 0 && first % stride == 0 && first / stride < outputs ? first / stride : -1;
}

// The transpose of im2col: each input sums the gradients of its copies.
KERNEL(col2im)(T *dx, unsigned n, const T *columns, GEOMETRY) {
    Geometry g = GEOMETRY_OF;
    EACH(i, n) {
        unsigned channel = i % g.c, position = i / g.c;
        int row = position / g.w % g.h, column = position % g.w;
        size_t image = position / g.w / g.h;
        A sum = 0;
        for (int ky = 0; ky < g.kh; ky++) {
            int oy = reader(row, g.py, ky * g.dy, g.sy, g.oh);
            if (oy < 0) continue;
            for (int kx = 0; kx < g.kw; kx++) {
                int ox = reader(column, g.px, kx * g.dx, g.sx, g.ow);
                if (ox < 0) continue;
                size_t output = (image * g.oh + oy) * g.ow + ox;
                sum += up(columns[((output * g.kh + ky) * g.kw + kx) * g.c + channel]);
            }
        }
        dx[i] = down(sum);
    }
}

// A convolution in groups, without its epilogue; weights are (out, kh, kw, c / groups).
KERNEL(grouped)(T *y, unsigned n, const T *x, const T *weight, GEOMETRY) {
    Geometry g = GEOMETRY_OF;
    int group_in = g.c / g.groups, group_out = g.out / g.groups;
    EACH(i, n) {
        int o = i % g.out, first = o / group_out * group_in;
        unsigned output = i / g.out;
        int top = (int)(output / g.ow % g.oh) * g.sy - g.py, left = (int)(output % g.ow) * g.sx - g.px;
        size_t image = output / g.ow / g.oh;
        A sum = 0;
        for (int ky = 0; ky < g.kh; ky++) {
            int row = top + ky * g.dy;
            if (row < 0 || row >= g.h) continue;
            for (int kx = 0; kx < g.kw; kx++) {
                int column = left + kx * g.dx;
                if (column < 0 || column >= g.w) continue;
                const T *from = x + ((image * g.h + row) * g.w + column) * g.c + first;
                const T *w = weight + (((size_t)o * g.kh + ky) * g.kw + kx) * group_in;
                for (int k = 0; k < group_in; k++) sum += up(from[k]) * up(w[k]);
            }
        }
        y[i] = down(sum);
    }
}

KERNEL(grouped_backward)(T *dx, unsigned n, const T *grad, const T *weight, GEOMETRY) {
    Geometry g = GEOMETRY_OF;
    int group_in = g.c / g.groups, group_out = g.out / g.groups;
    EACH(i, n) {
        int channel = i % g.c, k = channel % group_in, first = channel / group_in * group_out;
        unsigned position = i / g.c;
        int row = position / g.w % g.h, column = position % g.w;
        size_t image = position / g.w / g.h;
        A sum = 0;
        for (int ky = 0; ky < g.kh; ky++) {
            int oy = reader(row, g.py, ky * g.dy, g.sy, g.oh);
            if (oy < 0) continue;
            for (int kx = 0; kx < g.kw; kx++) {
                int ox = reader(column, g.px, kx * g.dx, g.sx, g.ow);
                if (ox < 0) continue;
                const T *from = grad + ((image * g.oh + oy) * g.ow + ox) * g.out + first;
                for (int j = 0; j < group_out; j++)
                    sum += up(from[j]) * up(weight[(((size_t)(first + j) * g.kh + ky) * g.kw + kx) * group_in + k]);
            }
        }
        dx[i] = down(sum);
    }
}

// The positions and weights along one axis of a resize, as in `resize_taps`.
enum { NEAREST, BILINEAR, BICUBIC };
struct Taps {
    int count, index[4];
    double weight[4];
};
__device__ double near_weight(double d) { return (1.25 * d - 2.25) * d * d + 1; }
__device__ double far_weight(double d) { return ((-0.75 * d + 3.75) * d - 6) * d + 3; }
__device__ Taps taps(int input, int output, int mode, int corners, int i) {
    Taps t;
    int last = input - 1;
    if (mode == NEAREST) {
        // PyTorch computes in single precision, where the product can fall just short of a whole number.
        t.count = 1;
        t.index[0] = min((int)((float)i * ((float)input / (float)output)), last);
        t.weight[0] = 1;
        return t;
    }
    double position = !corners ? (i + 0.5) * input / output - 0.5 : output == 1 ? 0 : (double)i * last / (output - 1);
    if (mode == BILINEAR) {
        position = position > 0 ? position : 0;
        int low = min((int)position, last);
        double between = position - low < 1 ? position - low : 1;
        t.count = 2;
        t.index[0] = low;
        t.index[1] = min(low + 1, last);
        t.weight[0] = 1 - between;
        t.weight[1] = between;
        return t;
    }
    double low = floor(position), between = position - low;
    t.count = 4;
    t.weight[0] = far_weight(between + 1);
    t.weight[1] = near_weight(between);
    t.weight[2] = near_weight(1 - between);
    t.weight[3] = far_weight(2 - between);
    for (int k = 0; k < 4; k++) t.index[k] = min(max((int)low + k - 1, 0), last);
    return t;
}

// Resizes planes (h, w) to (oh, ow).
KERNEL(resize)(T *y, unsigned n, const T *x, int h, int w, int oh, int ow, int mode, int corners) {
    EACH(i, n) {
        Taps across = taps(w, ow, mode, corners, i % ow), down_ = taps(h, oh, mode, corners, i / ow % oh);
        const T *plane = x + (size_t)(i / ow / oh) * h * w;
        A sum = 0;
        for (int a = 0; a < down_.count; a++) {
            A line = 0;
            for (int b = 0; b < across.count; b++)
                line += (A)across.weight[b] * up(plane[(size_t)down_.index[a] * w + across.index[b]]);
            sum += (A)down_.weight[a] * line;
        }
        y[i] = down(sum);
    }
}

// Bounds on the outputs that may read the input i along one axis.
struct Span {
    int first, last;
};
__device__ Span span(int input, int output, int corners, int i) {
    double ratio = corners && input > 1 ? (output - 1.0) / (input - 1.0) : (double)output / input;
    Span s = {max((int)((i - 2.5) * ratio) - 2, 0), min((int)((i + 2.5) * ratio) + 2, output - 1)};
    return s;
}
__device__ A weight_of(Taps t, int i) {
    A sum = 0;
    for (int k = 0; k < t.count; k++)
        if (t.index[k] == i) sum += (A)t.weight[k];
    return sum;
}

// The transpose of resize.
KERNEL(resize_backward)(T *dx, unsigned n, const T *grad, int h, int w, int oh, int ow, int mode, int corners) {
    EACH(i, n) {
        int column = i % w, row = i / w % h;
        const T *plane = grad + (size_t)(i / w / h) * oh * ow;
        A sum = 0;
        Span rows = span(h, oh, corners, row), columns = span(w, ow, corners, column);
        for (int oy = rows.first; oy <= rows.last; oy++) {
            A down_ = weight_of(taps(h, oh, mode, corners, oy), row);
            if (down_ == 0) continue;
            A line = 0;
            for (int ox = columns.first; ox <= columns.last; ox++)
                line += weight_of(taps(w, ow, mode, corners, ox), column) * up(plane[(size_t)oy * ow + ox]);
            sum += down_ * line;
        }
        dx[i] = down(sum);
    }
}

// Each output row copies an input row; -1 gives zeros.
KERNEL(pick)(T *y, unsigned n, const T *x, const int *picks, unsigned rows, unsigned count, unsigned c) {
    EACH(i, n) {
        unsigned row = i / c;
        int from = picks[row % count];
        y[i] = from < 0 ? down(0) : x[((size_t)(row / count) * rows + from) * c + i % c];
    }
}

// A warp computes a row: each lane takes every 32nd value, and the lanes' sums are joined in a fixed order.
#define EACH_ROW(row, lane, rows) \
    unsigned lane = threadIdx.x % 32; \
    for (unsigned row = (blockIdx.x * blockDim.x + threadIdx.x) / 32; row < rows; row += gridDim.x * blockDim.x / 32)
__device__ A warp_sum(A v) {
    for (int distance = 16; distance; distance /= 2) v += __shfl_xor_sync(0xffffffff, v, distance);
    return v;
}
__device__ A warp_max(A v) {
    for (int distance = 16; distance; distance /= 2) v = larger(v, __shfl_xor_sync(0xffffffff, v, distance));
    return v;
}

// The mean of a row, and the factor that scales its variance to 1.
struct Moments {
    A mean, rstd;
};
__device__ Moments moments(const T *x, unsigned lane, unsigned c, A eps) {
    A sum = 0, squares = 0;
    for (unsigned k = lane; k < c; k += 32) sum += up(x[k]);
    Moments m;
    m.mean = warp_sum(sum) / (A)c;
    for (unsigned k = lane; k < c; k += 32) squares += (up(x[k]) - m.mean) * (up(x[k]) - m.mean);
    m.rstd = 1 / sqrt(warp_sum(squares) / (A)c + eps);
    return m;
}

KERNEL(layer_norm)(T *y, unsigned rows, const T *x, const A *weight, const A *bias, unsigned c, double eps) {
    EACH_ROW(row, lane, rows) {
        const T *from = x + (size_t)row * c;
        Moments m = moments(from, lane, c, (A)eps);
        for (unsigned k = lane; k < c; k += 32)
            y[(size_t)row * c + k] = down((up(from[k]) - m.mean) * m.rstd * weight[k] + bias[k]);
    }
}

// With x^ = (x - mean) rstd and p = g weight: dx = rstd (p - mean(p) - x^ mean(p x^)).
KERNEL(layer_norm_backward)(T *dx, unsigned rows, const T *grad, const T *x, const A *weight, unsigned c, double eps) {
    EACH_ROW(row, lane, rows) {
        const T *from = x + (size_t)row * c, *g = grad + (size_t)row * c;
        Moments m = moments(from, lane, c, (A)eps);
        A sum = 0, product = 0;
        for (unsigned k = lane; k < c; k += 32) {
            A p = up(g[k]) * weight[k];
            sum += p;
            product += p * (up(from[k]) - m.mean);
        }
        A mean = warp_sum(sum) / (A)c, slope = warp_sum(product) * m.rstd * m.rstd / (A)c;
        for (unsigned k = lane; k < c; k += 32)
            dx[(size_t)row * c + k] = down(m.rstd * (up(g[k]) * weight[k] - mean - (up(from[k]) - m.mean) * slope));
    }
}

KERNEL(softmax)(T *y, unsigned rows, const T *x, unsigned c, int logarithm) {
    EACH_ROW(row, lane, rows) {
        const T *from = x + (size_t)row * c;
        A most = -INFINITE, sum = 0;
        for (unsigned k = lane; k < c; k += 32) most = larger(most, up(from[k]));
        most = warp_max(most);
        for (unsigned k = lane; k < c; k += 32) sum += exp(up(from[k]) - most);
        sum = warp_sum(sum);
        A log_sum = log(sum);
        for (unsigned k = lane; k < c; k += 32) {
            A v = up(from[k]) - most;
            y[(size_t)row * c + k] = down(logarithm ? v - log_sum : exp(v) / sum);
        }
    }
}

// With y the result: dx = y (g - sum(g y)) for the softmax, dx = g - exp(y) sum(g) for its logarithm.
KERNEL(softmax_backward)(T *dx, unsigned rows, const T *grad, const T *y, unsigned c, int logarithm) {
    EACH_ROW(row, lane, rows) {
        const T *g = grad + (size_t)row * c, *from = y + (size_t)row * c;
        A sum = 0;
        for (unsigned k = lane; k < c; k += 32) sum += logarithm ? up(g[k]) : up(g[k]) * up(from[k]);
        sum = warp_sum(sum);
        for (unsigned k = lane; k < c; k += 32) {
            A v = logarithm ? up(g[k]) - exp(up(from[k])) * sum : up(from[k]) * (up(g[k]) - sum);
            dx[(size_t)row * c + k] = down(v);
        }
    }
}
