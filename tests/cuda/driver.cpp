// A CUDA driver, cuBLAS and cuRAND without a GPU: memory is the processor's, and kernels that were compiled for the processor run when
// they are launched. It serves to run what `--features cuda` builds where there is no device, and counts what it is asked for.
//
// What is not here returns CUDA_ERROR_STUB_LIBRARY.

#include "device.h"

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

Dim gridDim, blockDim, blockIdx, threadIdx;
double exchanged[1024];

namespace {

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500 };

struct Kernel {
    std::string name;
    void (*kernel)();
    Bind bind;
};
std::map<std::string, Kernel> &kernels() {
    static std::map<std::string, Kernel> all;
    return all;
}

// The device does one thing at a time.
std::recursive_mutex device;
typedef std::lock_guard<std::recursive_mutex> Lock;

std::map<uintptr_t, size_t> memory;
size_t in_use;
size_t capacity() {
    static const char *set = getenv("EMULATED_MEMORY");
    return set ? strtoull(set, nullptr, 10) : (size_t)8 << 30;
}

// What is captured into a graph is done when the graph is launched.
typedef std::vector<std::function<int()>> Graph;
Graph *captured;
int enqueue(std::function<int()> work) {
    if (captured) {
        captured->push_back(work);
        return OK;
    }
    return work();
}

struct Counts {
    long launches, to_device, to_host, products, graphs;
    ~Counts() {
        if (getenv("EMULATED_COUNTS"))
            fprintf(stderr, "emulated device: %ld kernels, %ld products, %ld copies to the device, %ld to the host, %ld graphs\n",
                    launches, products, to_device, to_host, graphs);
    }
} counts;

// The threads of a block, each on a stack of its own, so that they can wait for each other.
struct Fiber {
    ucontext_t context;
    bool done;
};
ucontext_t scheduler;
std::vector<Fiber> fibers;
std::vector<char> stacks;
unsigned current;
bool in_turns;
const size_t STACK = 64 << 10;
const char *running_name;
const Bound *running;

void set_thread(unsigned i) {
    threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
}
void run_fiber() {
    (*running)();
    fibers[current].done = true;
    swapcontext(&fibers[current].context, &scheduler);
}

// Whether a kernel's threads wait for each other; the rest need no stacks.
bool waits(const std::string &name) {
    for (const char *part : {"layer_norm", "softmax", "fast_", "rmsnorm", "asort"})
        if (name.find(part) != std::string::npos) return true;
    return false;
}

void run(const Kernel &kernel, const Bound &work, Dim grid, Dim block) {
    Lock lock(device);
    gridDim = grid;
    blockDim = block;
    running_name = kernel.name.c_str();
    running = &work;
    in_turns = waits(kernel.name);
    unsigned threads = block.x * block.y * block.z;
    if (in_turns) {
        fibers.resize(threads);
        stacks.resize(threads * STACK);
    }
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = {x, y, z};
                if (!in_turns) {
                    for (unsigned i = 0; i < threads; i++) {
                        set_thread(i);
                        work();
                    }
                    continue;
                }
                for (unsigned i = 0; i < threads; i++) {
                    fibers[i].done = false;
                    getcontext(&fibers[i].context);
                    fibers[i].context.uc_stack = {&stacks[i * STACK], 0, STACK};
                    fibers[i].context.uc_link = &scheduler;
                    makecontext(&fibers[i].context, run_fiber, 0);
                }
                for (bool left = true; left;) {
                    left = false;
                    for (current = 0; current < threads; current++) {
                        if (fibers[current].done) continue;
                        set_thread(current);
                        swapcontext(&scheduler, &fibers[current].context);
                        left |= !fibers[current].done;
                    }
                }
            }
}

// The value number i of a matrix of one of cuBLAS's types, and back.
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

} // namespace

void take_turns() {
    if (!in_turns) {
        fprintf(stderr, "emulated device: `%s` waits for its threads, and `waits` does not know it\n", running_name);
        abort();
    }
    swapcontext(&fibers[current].context, &scheduler);
}

void enlist(const char *name, void (*kernel)(), Bind bind) { kernels()[name] = {name, kernel, bind}; }

extern "C" {

typedef uintptr_t Pointer;

int cuInit(unsigned) { return OK; }
int cuDriverGetVersion(int *version) { return *version = 13000, OK; }
int cuGetErrorName(int code, const char **name) {
    *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : code == NOT_FOUND ? "CUDA_ERROR_NOT_FOUND" : "CUDA_ERROR_STUB_LIBRARY";
    return OK;
}
int cuGetErrorString(int code, const char **text) {
    *text = code == OUT_OF_MEMORY ? "out of memory" : code == NOT_FOUND ? "named symbol not found" : "the emulated device lacks this";
    return OK;
}
int cuDeviceGetCount(int *count) { return *count = 1, OK; }
int cuDeviceGet(int *found, int ordinal) { return ordinal == 0 ? (*found = 0, OK) : 101; }
int cuDeviceGetName(char *name, int length, int) { return snprintf(name, length, "Emulated"), OK; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = capacity(), OK; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    // Compute capability 9.0; memory pools; else as little as possible.
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 115 ? 1 : attribute == 10 ? 32 : 1;
    return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = (void *)1, OK; }
int cuDevicePrimaryCtxRelease_v2(int) { return OK; }
int cuCtxSetCurrent(void *) { return OK; }
int cuCtxGetCurrent(void **context) { return *context = (void *)1, OK; }
int cuCtxSynchronize() { return OK; }
int cuCtxSetFlags(unsigned) { return OK; }

int cuStreamCreate(void **stream, unsigned) { return *stream = (void *)2, OK; }
int cuStreamCreateWithPriority(void **stream, unsigned, int) { return *stream = (void *)2, OK; }
int cuStreamDestroy_v2(void *) { return OK; }
int cuStreamSynchronize(void *) { return captured ? 900 : OK; }
int cuStreamWaitEvent(void *, void *, unsigned) { return OK; }
int cuEventCreate(void **event, unsigned) { return *event = (void *)3, OK; }
int cuEventDestroy_v2(void *) { return OK; }
int cuEventRecord(void *, void *) { return OK; }
int cuEventSynchronize(void *) { return OK; }
int cuEventQuery(void *) { return OK; }

int cuMemGetInfo_v2(size_t *available, size_t *total) { return *total = capacity(), *available = capacity() - in_use, OK; }
int cuMemAlloc_v2(Pointer *p, size_t bytes) {
    Lock lock(device);
    if (in_use + bytes > capacity()) return OUT_OF_MEMORY;
    // What is read before it is written shall be seen.
    *p = (Pointer)aligned_alloc(256, (bytes + 511) / 256 * 256);
    memset((void *)*p, 0xff, bytes);
    memory[*p] = bytes;
    in_use += bytes;
    return OK;
}
int cuMemFree_v2(Pointer p) {
    Lock lock(device);
    auto found = memory.find(p);
    if (found == memory.end()) return p ? INVALID_VALUE : OK;
    // A graph keeps the memory that it was captured with.
    if (captured) return OK;
    in_use -= found->second;
    memory.erase(found);
    free((void *)p);
    return OK;
}
int cuMemAllocAsync(Pointer *p, size_t bytes, void *) { return cuMemAlloc_v2(p, bytes); }
int cuMemFreeAsync(Pointer p, void *) { return cuMemFree_v2(p); }
int cuMemHostAlloc(void **p, size_t bytes, unsigned) { return *p = malloc(bytes), OK; }
int cuMemFreeHost(void *p) { return free(p), OK; }
int cuMemsetD8Async(Pointer p, unsigned char value, size_t bytes, void *) {
    return enqueue([=] { return memset((void *)p, value, bytes), OK; });
}
int cuMemsetD8_v2(Pointer p, unsigned char value, size_t bytes) { return cuMemsetD8Async(p, value, bytes, nullptr); }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *) {
    counts.to_device++;
    return enqueue([=] { return memcpy((void *)to, from, bytes), OK; });
}
int cuMemcpyHtoD_v2(Pointer to, const void *from, size_t bytes) { return cuMemcpyHtoDAsync_v2(to, from, bytes, nullptr); }
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *) {
    counts.to_host++;
    return enqueue([=] { return memcpy(to, (void *)from, bytes), OK; });
}
int cuMemcpyDtoH_v2(void *to, Pointer from, size_t bytes) { return cuMemcpyDtoHAsync_v2(to, from, bytes, nullptr); }
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *) {
    return enqueue([=] { return memmove((void *)to, (void *)from, bytes), OK; });
}
int cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t bytes) { return cuMemcpyDtoDAsync_v2(to, from, bytes, nullptr); }
// The number of copies to the host so far, for tests.
long emulated_copies_to_host() { return counts.to_host; }

int cuModuleLoadData(void **module, const void *) { return *module = (void *)4, OK; }
int cuModuleUnload(void *) { return OK; }
int cuModuleGetFunction(void **function, void *, const char *name) {
    auto found = kernels().find(name);
    if (found == kernels().end()) {
        fprintf(stderr, "emulated device: there is no kernel `%s`\n", name);
        return NOT_FOUND;
    }
    return *function = &found->second, OK;
}
int cuFuncGetAttribute(int *value, int, void *) { return *value = 0, OK; }
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned, void *,
                   void **args, void **) {
    counts.launches++;
    const Kernel &kernel = *(Kernel *)function;
    Dim grid = {gx, gy, gz}, block = {bx, by, bz};
    Bound work = kernel.bind(kernel.kernel, args);
    return enqueue([=, &kernel] { return run(kernel, work, grid, block), (int)OK; });
}

int cuStreamBeginCapture_v2(void *, int) { return captured ? INVALID_VALUE : (captured = new Graph, OK); }
int cuStreamEndCapture(void *, void **graph) { return *graph = captured, captured = nullptr, OK; }
int cuStreamIsCapturing(void *, int *status) { return *status = captured ? 1 : 0, OK; }

int cuGraphInstantiateWithFlags(void **runnable, void *graph, unsigned long long) {
    return *runnable = new Graph(*(Graph *)graph), OK;
}
int cuGraphUpload(void *, void *) { return OK; }
int cuGraphLaunch(void *runnable, void *) {
    counts.graphs++;
    for (auto &work : *(Graph *)runnable)
        if (int code = work()) return code;
    return OK;
}
int cuGraphDestroy(void *graph) { return delete (Graph *)graph, OK; }
int cuGraphExecDestroy(void *runnable) { return delete (Graph *)runnable, OK; }

int cublasCreate_v2(void **handle) { return *handle = (void *)5, OK; }
int cublasDestroy_v2(void *) { return OK; }
int cublasSetStream_v2(void *, void *) { return OK; }
int cublasSetPointerMode_v2(void *, int) { return OK; }
int cublasSetWorkspace_v2(void *, void *, size_t) { return OK; }
int cublasSetMathMode(void *, int) { return OK; }
int cublasGemmStridedBatchedEx(void *, int turn_a, int turn_b, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda,
                               long long stride_a, const void *b, int b_type, int ldb, long long stride_b, const void *beta, void *c,
                               int c_type, int ldc, long long stride_c, int batch, int compute, int) {
    counts.products++;
    // CUBLAS_COMPUTE_64F is 70.
    double by = compute == 70 ? *(const double *)alpha : *(const float *)alpha;
    double keep = compute == 70 ? *(const double *)beta : *(const float *)beta;
    return enqueue([=] {
        Lock lock(device);
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

// cuDNN's convolutions of (n, h, w, c) maps, by the definition.
struct Sizes {
    int type, n, c, h, w;
};
struct Moves {
    int py, px, sy, sx, dy, dx, groups;
};
int cudnnCreate(void **handle) { return *handle = (void *)7, OK; }
int cudnnDestroy(void *) { return OK; }
int cudnnSetStream(void *, void *) { return OK; }
size_t cudnnGetVersion() { return 91501; }
int cudnnCreateTensorDescriptor(Sizes **sizes) { return *sizes = new Sizes(), OK; }
int cudnnDestroyTensorDescriptor(Sizes *sizes) { return delete sizes, OK; }
int cudnnSetTensor4dDescriptor(Sizes *sizes, int format, int type, int n, int c, int h, int w) {
    // CUDNN_TENSOR_NHWC alone.
    return format == 1 ? (*sizes = {type, n, c, h, w}, OK) : 3000;
}
int cudnnCreateFilterDescriptor(Sizes **sizes) { return *sizes = new Sizes(), OK; }
int cudnnDestroyFilterDescriptor(Sizes *sizes) { return delete sizes, OK; }
int cudnnSetFilter4dDescriptor(Sizes *sizes, int type, int format, int n, int c, int h, int w) {
    return format == 1 ? (*sizes = {type, n, c, h, w}, OK) : 3000;
}
int cudnnCreateConvolutionDescriptor(Moves **moves) { return *moves = new Moves(), OK; }
int cudnnDestroyConvolutionDescriptor(Moves *moves) { return delete moves, OK; }
int cudnnSetConvolution2dDescriptor(Moves *moves, int py, int px, int sy, int sx, int dy, int dx, int, int) {
    return *moves = {py, px, sy, sx, dy, dx, 1}, OK;
}
int cudnnSetConvolutionGroupCount(Moves *moves, int groups) { return moves->groups = groups, OK; }
int cudnnSetConvolutionMathType(Moves *, int) { return OK; }
struct Performance {
    int algorithm, status;
    float time;
    size_t memory;
    int determinism, math, reserved[3];
};
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

// cuDNN's numbers of the types, and cuBLAS's.
static int number(int type) { return type == 0 ? 0 : type == 1 ? 1 : 14; }

// Calls `each(input, weight, output)` for every product of a convolution, with the three places in memory.
template <class F> static void products(Sizes x, Sizes w, Moves m, Sizes y, F each) {
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
static size_t count(Sizes s) { return (size_t)s.n * s.c * s.h * s.w; }

int cudnnConvolutionForward(void *, const void *, Sizes *xs, const void *x, Sizes *ws, const void *w, Moves *moves, int, void *, size_t,
                            const void *, Sizes *ys, void *y) {
    counts.products++;
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
    // The first algorithm would not give the same bits twice.
    if (algorithm == 0) return 3000;
    counts.products++;
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
