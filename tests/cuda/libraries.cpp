// cuBLAS, cuDNN and cuRAND for the emulated driver: products and convolutions by definition.

#include "driver.h"

#include <cstdlib>
#include <vector>

namespace {

enum { OK = 0, NOT_SUPPORTED = 3000 };

// Reads value `i` of a matrix of one of cuBLAS's types; `write` does the reverse.
double read(const void *p, int type, size_t i) {
    switch (type) {
    case 0: return ((const float *)p)[i];
    case 1: return ((const double *)p)[i];
    case 14: return __uint_as_float((unsigned)((const uint16_t *)p)[i] << 16);
    default: abort();
    }
}
void write(void *p, int type, size_t i, double v) {
    switch (type) {
    case 0: ((float *)p)[i] = (float)v; return;
    case 1: ((double *)p)[i] = v; return;
    case 14: {
        unsigned bits = __float_as_uint((float)v);
        ((uint16_t *)p)[i] = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        return;
    }
    default: abort();
    }
}

// cuDNN's descriptors of a map or a weight, (n, h, w, c), and of a convolution.
struct Sizes {
    int type, n, c, h, w;
};
struct Moves {
    int py, px, sy, sx, dy, dx, groups;
};
struct Performance {
    int algorithm, status;
    float time;
    size_t memory;
    int determinism, math, reserved[3];
};
// Converts cuDNN's type numbers to cuBLAS's.
int number(int type) { return type == 0 ? 0 : type == 1 ? 1 : 14; }

// Calls `each(input, weight, output)` for every product of a convolution, with the three offsets in memory.
template <class F> void products(Sizes x, Sizes w, Moves m, Sizes y, F each) {
    int in = w.c, out = w.n / m.groups;
    for (int n = 0; n < y.n; n++)
        for (int oy = 0; oy < y.h; oy++)
            for (int ox = 0; ox < y.w; ox++)
                for (int ky = 0; ky < w.h; ky++)
                    for (int kx = 0; kx < w.w; kx++) {
                        int row = oy * m.sy - m.py + ky * m.dy, column = ox * m.sx - m.px + kx * m.dx;
                        if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
                        for (int o = 0; o < w.n; o++)
                            for (int k = 0; k < in; k++)
                                each((((size_t)n * x.h + row) * x.w + column) * x.c + o / out * in + k,
                                     (((size_t)o * w.h + ky) * w.w + kx) * in + k, (((size_t)n * y.h + oy) * y.w + ox) * y.c + o);
                    }
}
size_t count(Sizes s) { return (size_t)s.n * s.c * s.h * s.w; }

} // namespace

extern "C" {

int cublasCreate_v2(void **handle) { return *handle = (void *)5, OK; }
int cublasDestroy_v2(void *) { return OK; }
int cublasSetStream_v2(void *, void *) { return OK; }
int cublasSetPointerMode_v2(void *, int) { return OK; }
int cublasSetWorkspace_v2(void *, void *, size_t) { return OK; }
int cublasSetMathMode(void *, int) { return OK; }
int cublasGemmStridedBatchedEx(void *, int turn_a, int turn_b, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda,
                               long long stride_a, const void *b, int b_type, int ldb, long long stride_b, const void *beta, void *c,
                               int c_type, int ldc, long long stride_c, int batch, int compute, int) {
    count_product();
    // CUBLAS_COMPUTE_64F is 70.
    double by = compute == 70 ? *(const double *)alpha : *(const float *)alpha;
    double keep = compute == 70 ? *(const double *)beta : *(const float *)beta;
    return enqueue([=] {
        std::vector<double> left((size_t)m * k), right((size_t)k * n);
        for (int group = 0; group < batch; group++) {
            for (int i = 0; i < m; i++)
                for (int p = 0; p < k; p++)
                    left[(size_t)i * k + p] = read(a, a_type, group * stride_a + (turn_a ? (size_t)i * lda + p : (size_t)p * lda + i));
            for (int j = 0; j < n; j++)
                for (int p = 0; p < k; p++)
                    right[(size_t)j * k + p] = read(b, b_type, group * stride_b + (turn_b ? (size_t)p * ldb + j : (size_t)j * ldb + p));
            for (int j = 0; j < n; j++)
                for (int i = 0; i < m; i++) {
                    double sum = 0;
                    const double *x = &left[(size_t)i * k], *y = &right[(size_t)j * k];
                    for (int p = 0; p < k; p++) sum += x[p] * y[p];
                    size_t at = group * stride_c + (size_t)j * ldc + i;
                    write(c, c_type, at, by * sum + (keep ? keep * read(c, c_type, at) : 0));
                }
        }
        return (int)OK;
    });
}

int cublasDgemmStridedBatched(void *handle, int turn_a, int turn_b, int m, int n, int k, const double *alpha, const double *a, int lda,
                              long long stride_a, const double *b, int ldb, long long stride_b, const double *beta, double *c, int ldc,
                              long long stride_c, int batch) {
    return cublasGemmStridedBatchedEx(handle, turn_a, turn_b, m, n, k, alpha, a, 1, lda, stride_a, b, 1, ldb, stride_b, beta, c, 1, ldc,
                                      stride_c, batch, 70, 0);
}
const char *cublasGetStatusName(int) { return "CUBLAS_STATUS_NOT_SUPPORTED"; }
const char *cublasGetStatusString(int) { return "the emulated device lacks this"; }

int curandCreateGenerator(void **generator, int) { return *generator = (void *)6, OK; }
int curandDestroyGenerator(void *) { return OK; }
int curandSetStream(void *, void *) { return OK; }
int curandSetPseudoRandomGeneratorSeed(void *, unsigned long long) { return OK; }

int cudnnCreate(void **handle) { return *handle = (void *)7, OK; }
int cudnnDestroy(void *) { return OK; }
int cudnnSetStream(void *, void *) { return OK; }
size_t cudnnGetVersion() { return 91501; }
int cudnnCreateTensorDescriptor(Sizes **sizes) { return *sizes = new Sizes(), OK; }
int cudnnDestroyTensorDescriptor(Sizes *sizes) { return delete sizes, OK; }
int cudnnSetTensor4dDescriptor(Sizes *sizes, int format, int type, int n, int c, int h, int w) {
    // Only CUDNN_TENSOR_NHWC.
    return format == 1 ? (*sizes = {type, n, c, h, w}, OK) : NOT_SUPPORTED;
}
int cudnnCreateFilterDescriptor(Sizes **sizes) { return *sizes = new Sizes(), OK; }
int cudnnDestroyFilterDescriptor(Sizes *sizes) { return delete sizes, OK; }
int cudnnSetFilter4dDescriptor(Sizes *sizes, int type, int format, int n, int c, int h, int w) {
    return format == 1 ? (*sizes = {type, n, c, h, w}, OK) : NOT_SUPPORTED;
}
int cudnnCreateConvolutionDescriptor(Moves **moves) { return *moves = new Moves(), OK; }
int cudnnDestroyConvolutionDescriptor(Moves *moves) { return delete moves, OK; }
int cudnnSetConvolution2dDescriptor(Moves *moves, int py, int px, int sy, int sx, int dy, int dx, int, int) {
    return *moves = {py, px, sy, sx, dy, dx, 1}, OK;
}
int cudnnSetConvolutionGroupCount(Moves *moves, int groups) { return moves->groups = groups, OK; }
int cudnnSetConvolutionMathType(Moves *, int) { return OK; }
int cudnnGetConvolutionForwardAlgorithm_v7(void *, void *, void *, void *, void *, int, int *count, Performance *found) {
    *count = 1;
    found[0].algorithm = 1;
    found[0].status = 0;
    return OK;
}
int cudnnGetConvolutionForwardWorkspaceSize(void *, void *, void *, void *, void *, int, size_t *bytes) { return *bytes = 16, OK; }
int cudnnGetConvolutionBackwardDataAlgorithm_v7(void *, void *, void *, void *, void *, int, int *count, Performance *found) {
    *count = 1;
    found[0].algorithm = 0;
    found[0].status = 0;
    return OK;
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(void *, void *, void *, void *, void *, int, size_t *bytes) { return *bytes = 16, OK; }

int cudnnConvolutionForward(void *, const void *, Sizes *xs, const void *x, Sizes *ws, const void *w, Moves *moves, int, void *, size_t,
                            const void *, Sizes *ys, void *y) {
    count_product();
    Sizes a = *xs, b = *ws, c = *ys;
    Moves m = *moves;
    int type = number(a.type);
    return enqueue([=] {
        std::vector<double> sums(count(c));
        products(a, b, m, c, [&](size_t i, size_t j, size_t o) { sums[o] += read(x, type, i) * read(w, type, j); });
        for (size_t o = 0; o < sums.size(); o++) write(y, type, o, sums[o]);
        return (int)OK;
    });
}
int cudnnConvolutionBackwardData(void *, const void *, Sizes *ws, const void *w, Sizes *ys, const void *dy, Moves *moves, int algorithm,
                                 void *, size_t, const void *, Sizes *xs, void *dx) {
    // The first algorithm is not deterministic.
    if (algorithm == 0) return NOT_SUPPORTED;
    count_product();
    Sizes a = *xs, b = *ws, c = *ys;
    Moves m = *moves;
    int type = number(a.type);
    return enqueue([=] {
        std::vector<double> sums(count(a));
        products(a, b, m, c, [&](size_t i, size_t j, size_t o) { sums[i] += read(dy, type, o) * read(w, type, j); });
        for (size_t i = 0; i < sums.size(); i++) write(dx, type, i, sums[i]);
        return (int)OK;
    });
}
}
