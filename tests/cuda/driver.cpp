// A CUDA driver without a GPU: memory is the processor's, and kernels compiled for the processor run when they are launched. It
// runs builds with `--features cuda` on machines without a device, and counts the requests.
//
// Functions that are not here return CUDA_ERROR_STUB_LIBRARY.

#include "driver.h"

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

// The device does one job at a time.
std::recursive_mutex device;
typedef std::lock_guard<std::recursive_mutex> Lock;

std::map<uintptr_t, size_t> memory;
size_t in_use;
size_t capacity() {
    static const char *set = getenv("EMULATED_MEMORY");
    return set ? strtoull(set, nullptr, 10) : (size_t)8 << 30;
}

// Captured work, which is done when the graph is launched.
typedef std::vector<std::function<int()>> Graph;
Graph *captured;

struct Counts {
    long launches, to_device, to_host, products, graphs;
    ~Counts() {
        if (getenv("EMULATED_COUNTS"))
            fprintf(stderr, "emulated device: %ld kernels, %ld products, %ld copies to the device, %ld to the host, %ld graphs\n",
                    launches, products, to_device, to_host, graphs);
    }
} counts;

// The threads of a block, each on its own stack, so that they can wait for each other.
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

// Tells whether a kernel's threads wait for each other; other kernels need no stacks.
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

} // namespace

int enqueue(std::function<int()> work) {
    if (captured) {
        captured->push_back(work);
        return OK;
    }
    Lock lock(device);
    return work();
}
void count_product() { counts.products++; }

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
    // Compute capability 9.0, memory pools, and otherwise as little as possible.
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
    // Makes reads before the first write visible: all bytes are 0xff.
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
// Returns the number of copies to the host so far, for tests.
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
}
