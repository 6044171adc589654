// Contexts, modules, limits, injected faults, several host threads.
#include "driver.h"

#include <atomic>
#include <thread>

namespace
{
/// A primary context, pushed.
struct Current
{
    int device;
    void* context = nullptr;

    explicit Current(int ordinal) : device(ordinal)
    {
        must("cuDevicePrimaryCtxRetain", &context, device);
        must("cuCtxPushCurrent_v2", context);
    }

    ~Current()
    {
        void* popped;
        call("cuCtxPopCurrent_v2", &popped);
        call("cuDevicePrimaryCtxRelease_v2", device);
    }

    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
};

void* load(const std::vector<char>& image, const char* kernel)
{
    void *module = nullptr, *function = nullptr;
    must("cuModuleLoadData", &module, static_cast<const void*>(image.data()));
    must("cuModuleGetFunction", &function, module, kernel);
    return function;
}

void expect_error(int wanted, int error, const char* words, const std::string& what)
{
    std::string report = last_report();
    expect(error == wanted && report.find(words) != std::string::npos, what + " gave " + std::to_string(error) + " instead of " + std::to_string(wanted) + " with \"" + words + "\": " + report);
}

void devices()
{
    int count = 0, value = 0;
    must("cuDeviceGetCount", &count);
    expect(count == 4, "there are four devices");
    for (int device = 0; device < count; device++)
    {
        char name[100];
        must("cuDeviceGetName", static_cast<char*>(name), 100, device);
        expect(std::strstr(name, "emulator") != nullptr, "the name says that it is an emulator");
        must("cuDeviceGetAttribute", &value, 75, device);
        expect(value == (device == 0 ? 9 : 8), "compute capability");
        must("cuDeviceGetAttribute", &value, 97, device);
        expect(value == (device == 0 ? 232448 : 166912), "shared memory by opt-in");
    }
    expect(call("cuDeviceGet", &value, 4) == 101, "device 4 does not exist");
    expect(call("cuDeviceGet", &value, 1) == 0 && value == 1, "device 1 does");
    const char* text = nullptr;
    expect(call("cuGetErrorName", 700, &text) == 0 && std::string(text) == "CUDA_ERROR_ILLEGAL_ADDRESS", "cuGetErrorName");
    expect(call("cuGetErrorName", 123456, &text) == 1, "an error that does not exist");
}

void contexts()
{
    void *current = nullptr, *made = nullptr, *popped = nullptr;
    Address address = 0;
    expect(call("cuMemAlloc_v2", &address, size_t(4)) == 201, "a call without a context");
    must("cuCtxCreate_v2", &made, 0u, 1);
    must("cuCtxGetCurrent", &current);
    expect(current == made, "a new context is current");
    long long before = count("allocations", 1);
    must("cuMemAlloc_v2", &address, size_t(1000));
    expect(count("allocations", 1) == before + 1 && count("contexts", 1) == 1, "counts");
    {
        Current primary(2);
        int device = -1;
        must("cuCtxGetDevice", &device);
        expect(device == 2, "the pushed context is current");
        // Memory of another device is not this one's.
        int value = 0;
        expect_error(1, call("cuMemcpyHtoD_v2", address, static_cast<const void*>(&value), size_t(4)), "are not all in a live allocation", "a copy to another device's memory");
    }
    must("cuCtxGetCurrent", &current);
    expect(current == made, "popping gives the earlier one back");
    must("cuCtxDestroy_v2", made);
    must("cuCtxGetCurrent", &current);
    expect(current == nullptr && count("allocations", 1) == before && count("contexts", 1) == 0, "destroying a context frees what it holds");
    expect(call("cuCtxSetCurrent", made) == 201, "a destroyed context is refused");
    expect(call("cuCtxPopCurrent_v2", &popped) == 201, "nothing to pop");
}

void memory()
{
    Current current(1);
    Address a = 0, base = 0;
    size_t bytes = 0, free_before = 0, free_after = 0, total = 0;
    must("cuMemGetInfo_v2", &free_before, &total);
    must("cuMemAlloc_v2", &a, size_t(1000));
    must("cuMemGetInfo_v2", &free_after, &total);
    expect(free_before - free_after == 1000, "cuMemGetInfo");
    expect(a % 256 == 0 && a % 512 != 0, "a base is a multiple of 256 and of no more");
    must("cuMemGetAddressRange_v2", &base, &bytes, a + 999);
    expect(base == a && bytes == 1000, "cuMemGetAddressRange");
    unsigned kind = 0;
    int ordinal = -1;
    expect(call("cuPointerGetAttribute", static_cast<void*>(&kind), 2, a) == 0 && kind == 2, "the kind of device memory");
    expect(call("cuPointerGetAttribute", static_cast<void*>(&ordinal), 9, a) == 0 && ordinal == 1, "its device");
    expect(call("cuPointerGetAttribute", static_cast<void*>(&kind), 2, static_cast<Address>(reinterpret_cast<uintptr_t>(&kind))) == 1, "ordinary memory is unknown");
    char host[1001] = {};
    expect_error(1, call("cuMemcpyHtoD_v2", a, static_cast<const void*>(host), size_t(1001)), "are not all in a live allocation", "a copy that is too long");
    expect_error(1, call("cuMemcpyDtoH_v2", static_cast<void*>(host), a + 1, size_t(1000)), "are not all in a live allocation", "a copy that begins too late");
    expect_error(1, call("cuMemsetD8_v2", a - 1, static_cast<unsigned char>(0), size_t(2)), "1 bytes before allocation", "a fill that begins too early");
    expect_error(1, call("cuMemsetD32_v2", a + 2, 0u, size_t(2)), "multiple of its element", "a misaligned fill");
    expect_error(1, call("cuMemcpyHtoD_v2", a, reinterpret_cast<const void*>(a), size_t(4)), "the host pointer is device memory", "a device pointer as host pointer");
    expect_error(1, call("cuMemAlloc_v2", &base, size_t(0)), "0 bytes", "an empty allocation");
    expect_error(1, call("cuMemFree_v2", a + 256), "not the start", "freeing the middle");
    must("cuMemFree_v2", a);
    expect_error(1, call("cuMemFree_v2", a), "freed allocation", "freeing twice");
    expect_error(1, call("cuMemcpyHtoD_v2", a, static_cast<const void*>(host), size_t(4)), "freed allocation", "a copy to freed memory");

    configure("memory", "100000");
    must("cuMemAlloc_v2", &a, size_t(60000));
    expect_error(2, call("cuMemAlloc_v2", &base, size_t(60000)), "40000 of 100000 free", "more than there is");
    must("cuMemFree_v2", a);
    expect(call("cuMemAlloc_v2", &a, size_t(60000)) == 0, "after freeing there is room");
    configure("fail-allocation", "2");
    expect(call("cuMemAlloc_v2", &base, size_t(16)) == 0, "the first allocation succeeds");
    expect(call("cuMemAlloc_v2", &base, size_t(16)) == 2, "the second was told to fail");
    expect(call("cuMemAlloc_v2", &base, size_t(16)) == 0, "the third succeeds");
    configure("reset", nullptr);
}

void limits(const std::vector<char>& fast, const std::vector<char>& checked)
{
    for (int device = 0; device < 2; device++)
    {
        Current current(device);
        std::string on = "device " + std::to_string(device) + ": ";
        void* function = load(device == 0 ? fast : checked, "use_dynamic_shared");
        Address output = 0;
        must("cuMemAlloc_v2", &output, size_t(4));
        int elements = 100;
        void* pointers[] = {&output, &elements};
        auto launch = [&](unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared) {
            elements = static_cast<int>(shared / 4);
            return call("cuLaunchKernel", function, gx, gy, gz, bx, by, bz, shared, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr));
        };
        int opt_in = device == 0 ? 232448 : 166912;
        expect(launch(1, 1, 1, 128, 1, 1, 48 * 1024) == 0, on + "48 KB of shared memory need no opt-in: " + last_report());
        expect_error(1, launch(1, 1, 1, 128, 1, 1, 48 * 1024 + 16), "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES", on + "more do");
        expect(call("cuFuncSetAttribute", function, 8, opt_in) == 0, on + "opt-in up to the device's limit");
        expect(launch(1, 1, 1, 128, 1, 1, static_cast<unsigned>(opt_in)) == 0, on + "then all of it: " + last_report());
        expect_error(1, launch(1, 1, 1, 128, 1, 1, static_cast<unsigned>(opt_in) + 16), "dynamic shared memory", on + "one more");
        expect_error(1, call("cuFuncSetAttribute", function, 8, opt_in + 1), "the device has", on + "opt-in beyond the limit");
        expect_error(1, launch(1, 1, 1, 256, 1, 1, 1024), "bounded to 128 threads", on + "more threads than the launch bound");
        expect_error(1, launch(1, 1, 1, 2048, 1, 1, 1024), "larger than (1024, 1024, 64)", on + "2048 threads");
        expect_error(1, launch(1, 1, 1, 1, 1, 65, 1024), "larger than (1024, 1024, 64)", on + "65 threads along z");
        expect_error(1, launch(1, 65536, 1, 128, 1, 1, 1024), "the grid is larger", on + "65536 blocks along y");
        expect_error(1, launch(0, 1, 1, 128, 1, 1, 1024), "a size is 0", on + "an empty grid");
        expect_error(1, launch(1, 1, 1, 128, 0, 1, 1024), "a size is 0", on + "an empty block");
        expect_error(1, call("cuLaunchKernel", function, 1u, 1u, 1u, 128u, 1u, 1u, 1024u, static_cast<void*>(nullptr), static_cast<void**>(nullptr), static_cast<void**>(nullptr)), "kernelParams is null", on + "no parameters");
        pointers[1] = nullptr;
        expect_error(1, launch(1, 1, 1, 128, 1, 1, 1024), "parameter 1 of 2 is null", on + "a parameter without a pointer");
        pointers[1] = &elements;
        expect(call("cuLaunchKernel", static_cast<void*>(&elements), 1u, 1u, 1u, 1u, 1u, 1u, 0u, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr)) == 400, on + "no function");
        int blocks = 0, threads = 0;
        must("cuOccupancyMaxActiveBlocksPerMultiprocessor", &blocks, function, 128, size_t(0));
        expect(blocks == 16, on + "occupancy by threads");
        must("cuOccupancyMaxActiveBlocksPerMultiprocessor", &blocks, function, 128, size_t(100000));
        expect(blocks == (device == 0 ? 2 : 1), on + "occupancy by shared memory");
        must("cuFuncGetAttribute", &threads, 0, function);
        expect(threads == 128, on + "the launch bound is an attribute");
        expect(call("cuCtxSynchronize") == 0, on + "refused launches leave no error behind");
    }
}

void images(const std::vector<char>& fast, const std::vector<char>& checked, const std::vector<char>& ptx)
{
    void *module = nullptr, *function = nullptr;
    {
        Current current(1);
        expect_error(209, call("cuModuleLoadData", &module, static_cast<const void*>(fast.data())), "compiled for 90", "a cubin of a newer device");
        // Damaged and cut images; the buffer ends where the file ended.
        for (size_t place : {size_t(5), size_t(17), checked.size() / 3, checked.size() - 2})
        {
            std::vector<char> damaged = checked;
            damaged[place] = static_cast<char>(damaged[place] ^ 0x20);
            expect(call("cuModuleLoadData", &module, static_cast<const void*>(damaged.data())) == 200, "a damaged image, byte " + std::to_string(place));
        }
        for (size_t length : {size_t(64), size_t(5000), checked.size() / 2})
        {
            std::vector<char> cut(checked.begin(), checked.begin() + static_cast<long>(length));
            cut.resize(checked.size());
            expect(call("cuModuleLoadData", &module, static_cast<const void*>(cut.data())) == 200, "an image cut to " + std::to_string(length) + " bytes");
        }
        const char nonsense[] = "this is no image at all, and long enough to be looked at by anyone who reads a header";
        expect(call("cuModuleLoadData", &module, static_cast<const void*>(nonsense)) == 200, "nonsense");
        char log[300] = {};
        int names[] = {5, 6};
        void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
        expect(call("cuModuleLoadDataEx", &module, static_cast<const void*>(".version nonsense"), 2u, static_cast<int*>(names), static_cast<void**>(values)) == 218 && std::strlen(log) > 0, "PTX that cannot be compiled, with a log");
        must("cuModuleLoadData", &module, static_cast<const void*>(ptx.data()));
        expect(call("cuModuleGetFunction", &function, module, "scale") == 0, "PTX of an older architecture loads");
        expect(call("cuModuleGetFunction", &function, module, "no_such_kernel") == 500, "a kernel that does not exist");
        expect(count("modules", 1) == 1, "failed loads leave no module");
        must("cuModuleUnload", module);
        expect(call("cuModuleGetFunction", &function, module, "scale") == 400, "an unloaded module");
    }
    {
        Current current(0);
        expect_error(209, call("cuModuleLoadData", &module, static_cast<const void*>(checked.data())), "compiled for 80", "a cubin of another major version");
        must("cuModuleLoadData", &module, static_cast<const void*>(ptx.data()));
        must("cuModuleGetFunction", &function, module, "add_one");
        Address value = 0;
        must("cuMemAlloc_v2", &value, size_t(4));
        must("cuMemsetD32_v2", value, 5u, size_t(1));
        int wanted = 5, result = 0;
        void* pointers[] = {&value, &wanted};
        must("cuLaunchKernel", function, 1u, 1u, 1u, 1u, 1u, 1u, 0u, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr));
        must("cuMemcpyDtoH_v2", static_cast<void*>(&result), value, size_t(4));
        expect(result == 6, "instrumented PTX runs on the fast device");
    }
}

void faults(const std::vector<char>& checked)
{
    int value = 0;
    void* handle = nullptr;
    configure("driver-version", "11040");
    must("cuDriverGetVersion", &value);
    expect(value == 11040, "an old driver");
    configure("nvrtc-version", "11.8");
    int major = 0, minor = 0;
    must("nvrtcVersion", &major, &minor);
    expect(major == 11 && minor == 8, "an old compiler");
    configure("capability", "1=7.5");
    must("cuDeviceGetAttribute", &value, 75, 1);
    expect(value == 7, "an old device");
    configure("devices", "0");
    expect(call("cuInit", 0u) == 100, "no device");
    configure("reset", nullptr);
    expect(call("cuInit", 0u) == 0, "devices are back");
    must("cuDeviceGetAttribute", &value, 75, 1);
    expect(value == 8, "and as they were");
    expect(configure("nonsense", "1") == 1 && configure("fail-call", "cuInit") == 1, "unknown options are refused");
    {
        Current current(2);
        configure("fail-call", "cuStreamCreate 2 2");
        expect(call("cuStreamCreate", &handle, 1u) == 0 && call("cuStreamCreate", &handle, 1u) == 2 && call("cuStreamCreate", &handle, 1u) == 0, "the second call fails");
        configure("fail-call", "cuEventCreate 0 999");
        expect(call("cuEventCreate", &handle, 0u) == 999 && call("cuEventCreate", &handle, 0u) == 999, "every call fails");
        configure("reset", nullptr);
        expect(call("cuEventCreate", &handle, 0u) == 0, "until the reset");
        expect(count("streams", 2) == 2 && count("events", 2) == 1, "what failed left nothing behind");

        void* function = load(checked, "add_one");
        Address address = 0;
        must("cuMemAlloc_v2", &address, size_t(4));
        int wanted = 0;
        void* pointers[] = {&address, &wanted};
        configure("fail-launch", "2 700");
        auto launch = [&] { return call("cuLaunchKernel", function, 1u, 1u, 1u, 1u, 1u, 1u, 0u, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr)); };
        expect(launch() == 0 && launch() == 0 && call("cuCtxSynchronize") == 700 && launch() == 700, "the second launch fails when it runs, and the error stays");
        configure("reset", nullptr);
    }
    std::string log;
    configure("fail-compile", "1");
    expect(compile("int x;", "x.cu", "", {"--gpu-architecture=sm_80"}, log).empty() && log.find("told to fail") != std::string::npos, "a compilation that was told to fail");
    configure("reset", nullptr);
}

void compiler(const std::string& kernels_folder)
{
    std::string log;
    expect(compile("#include \"portable.cuh\"\nKERNEL(1) broken(int* x) { x[0] = y; }\n", "broken.cu", kernels_folder, {"--gpu-architecture=sm_80", "-DSTORAGE_BITS=32"}, log).empty() &&
               log.find("broken.cu:2") != std::string::npos && log.find("'y' was not declared") != std::string::npos,
           "an error names file and line: " + log);
    expect(compile("int x;", "x.cu", kernels_folder, {"--gpu-arch=sm_80"}, log).empty() && log.find("unrecognized option") != std::string::npos, "an unknown option: " + log);
    expect(compile("#include \"missing.cuh\"\n", "x.cu", kernels_folder, {"--gpu-architecture=sm_80"}, log).empty() && log.find("missing.cuh") != std::string::npos, "a missing header: " + log);
    expect(compile("#include \"portable.cuh\"\n", "x.cu", kernels_folder, {"--gpu-architecture=sm_80"}, log).empty() && log.find("STORAGE_BITS") != std::string::npos, "a missing constant: " + log);
    // Kernels written by a macro, and kernels that are switched off.
    std::string text = "#include \"portable.cuh\"\n#define BOTH(name) KERNEL(32) name##_a(float* x) { x[0] = 1; } KERNEL_BOUNDS(64, 2) name##_b(float* x) { x[1] = 1; }\nBOTH(made)\n#if 0\nKERNEL(1) absent(float* x) {}\n#endif\n";
    std::vector<char> image = compile(text, "made.cu", kernels_folder, {"--gpu-architecture", "sm_80", "-D", "STORAGE_BITS=32", "--ptxas-options=-v", "--extra-device-vectorization"}, log);
    if (expect(!image.empty(), "kernels from a macro compile: " + log))
    {
        Current current(1);
        void *module = nullptr, *function = nullptr;
        must("cuModuleLoadData", &module, static_cast<const void*>(image.data()));
        unsigned kernels = 0;
        must("cuModuleGetFunctionCount", &kernels, module);
        int bound = 0;
        must("cuModuleGetFunction", &function, module, "made_b");
        must("cuFuncGetAttribute", &bound, 0, function);
        expect(kernels == 2 && bound == 64 && call("cuModuleGetFunction", &function, module, "absent") == 500, "kernels from a macro, and one that is switched off");
    }
    expect(compile("int x;", "x.cu", kernels_folder, {"--gpu-architecture=compute_80"}, log).empty() && log.empty(), "a virtual architecture gives no cubin");
}

/// Several host threads, each with a device of its own or all with one.
void threads(const std::vector<char>& fast, const std::vector<char>& checked)
{
    std::atomic<int> wrong{0};
    auto work = [&](int device) {
        Current current(device);
        void* function = load(device == 0 ? fast : checked, "scale");
        const int elements = 3000;
        std::vector<float> input(elements, 3.0f), output(elements);
        Address x = 0, y = 0;
        must("cuMemAlloc_v2", &x, size_t(elements * 4));
        must("cuMemAlloc_v2", &y, size_t(elements * 4));
        void* stream = nullptr;
        must("cuStreamCreate", &stream, 1u);
        for (int turn = 0; turn < 20; turn++)
        {
            float factor = static_cast<float>(turn);
            int n = elements;
            void* pointers[] = {&y, &x, &factor, &n};
            must("cuMemcpyHtoDAsync_v2", x, static_cast<const void*>(input.data()), size_t(elements * 4), stream);
            must("cuLaunchKernel", function, 12u, 1u, 1u, 256u, 1u, 1u, 0u, stream, static_cast<void**>(pointers), static_cast<void**>(nullptr));
            must("cuMemcpyDtoHAsync_v2", static_cast<void*>(output.data()), y, size_t(elements * 4), stream);
            must("cuStreamSynchronize", stream);
            for (float value : output)
                wrong += value != 3.0f * factor;
        }
        must("cuMemFree_v2", x);
        must("cuMemFree_v2", y);
        must("cuStreamDestroy_v2", stream);
    };
    std::vector<std::thread> hosts;
    for (int i = 0; i < 12; i++)
        hosts.emplace_back(work, i % 4);
    for (std::thread& host : hosts)
        host.join();
    expect(wrong == 0, "twelve host threads on four devices");
}
}

void driver_tests(const std::vector<char>& fast, const std::vector<char>& checked, const std::vector<char>& ptx, const std::string& kernels_folder)
{
    configure("print", "0");
    devices();
    contexts();
    memory();
    configure("print", "0");
    limits(fast, checked);
    images(fast, checked, ptx);
    faults(checked);
    configure("print", "0");
    compiler(kernels_folder);
    configure("print", "1");
    threads(fast, checked);
    for (int device = 0; device < 4; device++)
        for (const char* what : {"contexts", "allocations", "streams", "events", "modules", "graphs"})
            expect(count(what, device) == 0, std::string("device ") + std::to_string(device) + ": " + what + " are left");
    expect(count("pinned-allocations", 0) == 0, "pinned memory is left");
}
