// The emulator's self-test: clean kernels pass on every device, every planted mistake is found by name, and the driver behaves as CUDA's does where a program could tell.
// main LIBRARY KERNELS_FOLDER SELF_TEST_FOLDER; prints what failed and ends with the number of failures.
#include "driver.h"

#include <algorithm>
#include <cmath>

namespace
{
std::string kernels_folder, source;
const char* const ARCHITECTURES[] = {"sm_90a", "sm_80", "sm_80", "sm_80"};
std::vector<char> images[2];

/// The primary context of a device with the test's module; a failed launch is left behind by opening the next one.
struct Session
{
    int device;
    void* context = nullptr;
    void* module = nullptr;

    explicit Session(int ordinal) : device(ordinal)
    {
        must("cuDevicePrimaryCtxRetain", &context, device);
        must("cuCtxPushCurrent_v2", context);
        must("cuModuleLoadData", &module, static_cast<const void*>(images[device == 0 ? 0 : 1].data()));
    }

    ~Session()
    {
        void* popped;
        call("cuCtxPopCurrent_v2", &popped);
        call("cuDevicePrimaryCtxRelease_v2", device);
    }

    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void* function(const char* name)
    {
        void* found = nullptr;
        must("cuModuleGetFunction", &found, module, name);
        return found;
    }

    template <class T> Address upload(const std::vector<T>& values)
    {
        Address address = 0;
        must("cuMemAlloc_v2", &address, values.size() * sizeof(T));
        must("cuMemcpyHtoD_v2", address, static_cast<const void*>(values.data()), values.size() * sizeof(T));
        return address;
    }

    Address allocate(size_t bytes)
    {
        Address address = 0;
        must("cuMemAlloc_v2", &address, bytes);
        return address;
    }

    template <class T> std::vector<T> download(Address address, size_t count)
    {
        std::vector<T> values(count);
        if (int error = call("cuMemcpyDtoH_v2", static_cast<void*>(values.data()), address, count * sizeof(T)))
            expect(false, "device " + std::to_string(device) + ": a download gave " + std::to_string(error) + ": " + last_report());
        return values;
    }

    /// Launches and waits: the error.
    template <class... A> int run(const char* name, unsigned grid, unsigned block, unsigned shared, A... arguments)
    {
        void* pointers[] = {static_cast<void*>(&arguments)..., nullptr};
        int error = call("cuLaunchKernel", function(name), grid, 1u, 1u, block, 1u, 1u, shared, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr));
        return error != 0 ? error : call("cuCtxSynchronize");
    }
};

std::vector<float> numbers(size_t count, unsigned seed = 1)
{
    std::vector<float> values(count);
    unsigned state = seed * 2654435761u + 1;
    for (float& value : values)
    {
        state = state * 1664525u + 1013904223u;
        value = static_cast<float>(static_cast<int>(state >> 8) % 2000 - 1000) / 500.0f;
    }
    return values;
}

std::vector<unsigned short> halves(const std::vector<float>& values)
{
    std::vector<unsigned short> result;
    for (float value : values)
        result.push_back(bfloat16_bits(value));
    return result;
}

void clean_kernels(int device)
{
    std::string on = "device " + std::to_string(device) + ": ";
    Session s(device);
    {
        std::vector<float> input = numbers(1000);
        Address x = s.upload(input), y = s.allocate(4000);
        expect(s.run("scale", 4, 256, 0, y, x, 2.5f, 1000) == 0, on + "scale runs: " + last_report());
        std::vector<float> output = s.download<float>(y, 1000);
        bool same = true;
        for (int i = 0; i < 1000; i++)
            same &= output[i] == 2.5f * input[i];
        expect(same, on + "scale");
    }
    {
        const int rows = 37, columns = 333;
        std::vector<float> input = numbers(rows * columns);
        Address x = s.upload(input), sums = s.allocate(rows * 4), maxima = s.allocate(rows * 4);
        expect(s.run("row_statistics", rows, 128, 0, sums, maxima, x, static_cast<long long>(columns)) == 0, on + "row_statistics runs: " + last_report());
        std::vector<float> sum = s.download<float>(sums, rows), maximum = s.download<float>(maxima, rows);
        for (int r = 0; r < rows; r++)
        {
            double exact = 0;
            float most = -1e30f;
            for (int c = 0; c < columns; c++)
            {
                exact += input[r * columns + c];
                most = std::max(most, input[r * columns + c]);
            }
            if (!expect(std::fabs(sum[r] - exact) < 1e-3 && maximum[r] == most, on + "row_statistics of row " + std::to_string(r)))
                break;
        }
    }
    {
        std::vector<float> input = numbers(64);
        Address x = s.upload(input), y = s.allocate(256);
        expect(s.run("reverse_in_warp", 1, 64, 0, y, x) == 0, on + "reverse_in_warp runs: " + last_report());
        std::vector<float> output = s.download<float>(y, 64);
        bool same = true;
        for (int i = 0; i < 64; i++)
            same &= output[i] == input[i / 32 * 32 + 31 - i % 32];
        expect(same, on + "reverse_in_warp");
    }
    {
        const int rows = 128, columns = 192, depth = 160;
        std::vector<float> a = numbers(rows * depth, 2), b = numbers(columns * depth, 3);
        std::vector<unsigned short> ha = halves(a), hb = halves(b);
        Address x = s.upload(ha), y = s.upload(hb), z = s.allocate(rows * columns * 4);
        void* pointers[5];
        int c = columns, d = depth;
        pointers[0] = &z;
        pointers[1] = &x;
        pointers[2] = &y;
        pointers[3] = &c;
        pointers[4] = &d;
        must("cuLaunchKernel", s.function("multiply"), 3u, 2u, 1u, 128u, 1u, 1u, 4u * 64 * 40 * 2, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr));
        expect(call("cuCtxSynchronize") == 0, on + "multiply runs: " + last_report());
        std::vector<float> output = s.download<float>(z, rows * columns);
        double worst = 0;
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
            {
                double exact = 0;
                for (int k = 0; k < depth; k++)
                    exact += static_cast<double>(bfloat16_value(ha[i * depth + k])) * bfloat16_value(hb[j * depth + k]);
                worst = std::max(worst, std::isnan(output[i * columns + j]) ? 1e9 : std::fabs(output[i * columns + j] - exact));
            }
        expect(worst < 1e-3, on + "multiply, largest error " + std::to_string(worst));
    }
    {
        std::vector<unsigned short> a = halves(numbers(256, 4)), b = halves(numbers(256, 5));
        Address x = s.upload(a), y = s.upload(b), z = s.allocate(1024);
        expect(s.run("multiply_transposed", 1, 32, 0, z, x, y) == 0, on + "multiply_transposed runs: " + last_report());
        std::vector<float> output = s.download<float>(z, 256);
        double worst = 0;
        for (int i = 0; i < 16; i++)
            for (int j = 0; j < 16; j++)
            {
                double exact = 0;
                for (int k = 0; k < 16; k++)
                    exact += static_cast<double>(bfloat16_value(a[i * 16 + k])) * bfloat16_value(b[k * 16 + j]);
                worst = std::max(worst, std::isnan(output[i * 16 + j]) ? 1e9 : std::fabs(output[i * 16 + j] - exact));
            }
        expect(worst < 1e-4, on + "multiply_transposed, largest error " + std::to_string(worst));
    }
    {
        Address counters = s.upload(std::vector<int>{0, 0});
        expect(s.run("count_threads", 100, 64, 0, counters) == 0, on + "count_threads runs: " + last_report());
        expect(s.download<int>(counters, 2) == std::vector<int>({6400, 6399}), on + "count_threads");
    }
    {
        Address out = s.allocate(2 * 3 * 4 * 96 * 4);
        void* pointers[] = {&out};
        must("cuLaunchKernel", s.function("indices"), 2u, 3u, 4u, 4u, 3u, 8u, 0u, static_cast<void*>(nullptr), static_cast<void**>(pointers), static_cast<void**>(nullptr));
        std::vector<int> output = s.download<int>(out, 2 * 3 * 4 * 96);
        bool same = true;
        for (int i = 0; i < 2 * 3 * 4 * 96; i++)
            same &= output[i] == i / 96 * 1000 + i % 96;
        expect(same, on + "indices of three-dimensional grids and blocks");
    }
    {
        struct
        {
            float first;
            long long second;
        } pair = {3, 4};
        Address out = s.allocate(256);
        unsigned char a = 1;
        short b = -2;
        double c = 7;
        unsigned long long d = 10;
        bool e = true;
        expect(s.run("many_parameters", 1, 32, 0, out, a, b, c, pair, d, e) == 0, on + "many_parameters runs: " + last_report());
        std::vector<long long> output = s.download<long long>(out, 32);
        bool same = true;
        for (int lane = 0; lane < 32; lane++)
            same &= output[lane] == 1 - 2 + 7 + 3 + 4 + 10 + 1 + (lane % 8) * (lane % 8) + (lane + 1) % 32 + 10;
        expect(same, on + "many_parameters");
        // Their places in the parameter block, and a launch that hands over the block itself.
        size_t offset, bytes;
        const size_t offsets[] = {0, 8, 10, 16, 24, 40, 48}, sizes[] = {8, 1, 2, 8, 16, 8, 1};
        for (size_t i = 0; i < 7; i++)
            expect(call("cuFuncGetParamInfo", s.function("many_parameters"), i, &offset, &bytes) == 0 && offset == offsets[i] && bytes == sizes[i], on + "cuFuncGetParamInfo of parameter " + std::to_string(i));
        expect(call("cuFuncGetParamInfo", s.function("many_parameters"), size_t(7), &offset, &bytes) == 1, on + "cuFuncGetParamInfo behind the last parameter");
        alignas(8) unsigned char block[49] = {};
        std::memcpy(block, &out, 8);
        block[8] = 1;
        std::memcpy(block + 10, &b, 2);
        std::memcpy(block + 16, &c, 8);
        std::memcpy(block + 24, &pair, 16);
        std::memcpy(block + 40, &d, 8);
        block[48] = 1;
        must("cuMemsetD8_v2", out, static_cast<unsigned char>(0), size_t(256));
        size_t size = 49;
        void* extra[] = {reinterpret_cast<void*>(1), block, reinterpret_cast<void*>(2), &size, nullptr};
        expect(call("cuLaunchKernel", s.function("many_parameters"), 1u, 1u, 1u, 32u, 1u, 1u, 0u, static_cast<void*>(nullptr), static_cast<void**>(nullptr), static_cast<void**>(extra)) == 0, on + "a launch with a parameter block: " + last_report());
        expect(s.download<long long>(out, 32) == output, on + "the parameter block gives the same");
        size = 44;
        configure("print", "0");
        expect(call("cuLaunchKernel", s.function("many_parameters"), 1u, 1u, 1u, 32u, 1u, 1u, 0u, static_cast<void*>(nullptr), static_cast<void**>(nullptr), static_cast<void**>(extra)) == 1, on + "a parameter block of the wrong size is refused");
        configure("print", "1");
    }
    {
        Address x = s.upload(numbers(22)), y = s.allocate(512);
        expect(s.run("partial_copies", 1, 32, 0, y, x, 22) == 0, on + "partial_copies runs: " + last_report());
        std::vector<float> input = numbers(22), output = s.download<float>(y, 128);
        bool same = true;
        for (int i = 0; i < 128; i++)
            same &= output[i] == (i < 22 ? input[i] : 0.0f);
        expect(same, on + "partial_copies fills with zeros");
    }
    {
        Address y = s.allocate(128);
        expect(s.run("halves_of_a_word", 1, 64, 0, y) == 0, on + "two threads may write the halves of a word: " + last_report());
    }
}

/// A kernel with one mistake: every checked device must refuse it with this error and these words.
struct Mistake
{
    const char* name;
    int error;
    const char* words;
    std::function<int(Session&)> run;
};

void planted_mistakes(int device)
{
    auto floats = [](Session& s, size_t count) { return s.upload(std::vector<float>(count, 1.0f)); };
    auto simple = [&](const char* name, unsigned grid, unsigned block) {
        return [=](Session& s) { return s.run(name, grid, block, 0, floats(s, 4096)); };
    };
    auto with_input = [&](const char* name, unsigned grid, unsigned block) {
        return [=](Session& s) { return s.run(name, grid, block, 0, floats(s, 4096), floats(s, 4096)); };
    };
    auto product = [&](const char* name) {
        return [=](Session& s) {
            Address a = s.upload(std::vector<unsigned short>(64 * 160, 0x3f80)), b = s.upload(std::vector<unsigned short>(64 * 160, 0x3f80));
            return s.run(name, 1, 128, 4 * 64 * 40 * 2, s.allocate(64 * 64 * 4), a, b, 64, 160);
        };
    };
    const Mistake mistakes[] = {
        {"read_behind", 700, "behind the end of allocation", [&](Session& s) { return s.run("read_behind", 1, 32, 0, floats(s, 32), floats(s, 100), 100); }},
        {"write_before", 700, "4 bytes before allocation", simple("write_before", 1, 32)},
        {"copy_one, null", 700, "a null pointer", [&](Session& s) { return s.run("copy_one", 1, 32, 0, floats(s, 32), Address(0)); }},
        {"copy_one, a host pointer", 700, "no memory of the device", [&](Session& s) {
             static float host[32];
             return s.run("copy_one", 1, 32, 0, floats(s, 32), static_cast<Address>(reinterpret_cast<uintptr_t>(host)));
         }},
        {"copy_one, freed memory", 700, "freed allocation", [&](Session& s) {
             Address input = floats(s, 32), output = floats(s, 32);
             must("cuMemFree_v2", input);
             return s.run("copy_one", 1, 32, 0, output, input);
         }},
        {"copy_one, memory freed in the stream", 700, "freed allocation", [&](Session& s) {
             Address input = 0, output = floats(s, 32);
             must("cuMemAllocAsync", &input, size_t(128), static_cast<void*>(nullptr));
             must("cuMemFreeAsync", input, static_cast<void*>(nullptr));
             return s.run("copy_one", 1, 32, 0, output, input);
         }},
        {"misaligned_float", 716, "4 bytes in one access at an address that is no multiple of 4", with_input("misaligned_float", 1, 32)},
        {"misaligned_vector", 716, "16 bytes in one access", with_input("misaligned_vector", 1, 32)},
        {"vector_behind", 700, "16 bytes at byte 16 of allocation", [&](Session& s) { return s.run("vector_behind", 1, 32, 0, floats(s, 128), floats(s, 6), 6); }},
        {"large_copy", 700, "behind the end", [&](Session& s) { return s.run("large_copy", 1, 1, 0, floats(s, 24), floats(s, 24)); }},
        {"global_spelling_of_shared", 717, "shared array values", simple("global_spelling_of_shared", 1, 32)},
        {"shared_spelling_of_global", 717, "allocation", with_input("shared_spelling_of_global", 1, 32)},
        {"shared_behind", 700, "0 bytes behind the end of the shared array second", simple("shared_behind", 1, 32)},
        {"dynamic_shared_behind", 700, "behind the end of dynamic shared memory (400 bytes)", [&](Session& s) { return s.run("dynamic_shared_behind", 1, 32, 400, floats(s, 32), 100); }},
        {"write_constant", 700, "no memory of the device", simple("write_constant", 1, 32)},
        {"index_behind_own_array", 700, "the index 4 is outside the array", [&](Session& s) { return s.run("index_behind_own_array", 1, 32, 0, floats(s, 32), 4); }},
        {"local_of_another_thread", 700, "a local variable of thread", simple("local_of_another_thread", 1, 32)},
        {"no_barrier_before_read", 719, "no __syncthreads between", simple("no_barrier_before_read", 1, 128)},
        {"no_barrier_before_reuse", 719, "race: the thread", with_input("no_barrier_before_reuse", 1, 128)},
        {"two_writers", 719, "race: the thread writes", simple("two_writers", 1, 64)},
        {"no_warp_barrier", 719, "no __syncwarp", simple("no_warp_barrier", 1, 32)},
        {"shuffle_is_no_barrier", 719, "no __syncwarp", simple("shuffle_is_no_barrier", 1, 32)},
        {"warp_barrier_is_no_block_barrier", 719, "no __syncthreads between", simple("warp_barrier_is_no_block_barrier", 1, 64)},
        {"matrix_load_without_barrier", 719, "no __syncwarp", simple("matrix_load_without_barrier", 1, 32)},
        {"mma_is_no_barrier", 719, "no __syncwarp", simple("mma_is_no_barrier", 1, 64)},
        {"misaligned_matrix_row", 716, "row is no multiple of 16", simple("misaligned_matrix_row", 1, 32)},
        {"multiply_waits_too_little", 719, "not known to have finished", product("multiply_waits_too_little")},
        {"multiply_no_barrier_after_wait", 719, "race", product("multiply_no_barrier_after_wait")},
        {"multiply_no_barrier_before_refill", 719, "race", product("multiply_no_barrier_before_refill")},
        {"multiply_no_commit", 719, "not known to have finished", product("multiply_no_commit")},
        {"own_copy_not_waited", 719, "not known to have finished", with_input("own_copy_not_waited", 1, 32)},
        {"write_under_copy", 719, "not known to have finished", with_input("write_under_copy", 1, 32)},
        {"copy_misaligned", 716, "from an address that is no multiple of 16", with_input("copy_misaligned", 1, 32)},
        {"copy_behind", 700, "behind the end", [&](Session& s) { return s.run("copy_behind", 1, 32, 0, floats(s, 32), floats(s, 124), 124); }},
        {"blocks_write_one_place", 719, "blocks of one launch are not ordered", simple("blocks_write_one_place", 2, 32)},
        {"block_reads_what_another_writes", 719, "blocks of one launch are not ordered", simple("block_reads_what_another_writes", 4, 32)},
        {"threads_share_global", 719, "race", simple("threads_share_global", 1, 64)},
        {"plain_against_atomic", 719, "race", with_input("plain_against_atomic", 2, 32)},
        {"divergent_barrier", 719, "divergent barriers", simple("divergent_barrier", 1, 128)},
        {"barrier_for_some", 719, "every thread of a block must reach every barrier", simple("barrier_for_some", 1, 128)},
        {"return_before_barrier", 719, "every thread of a block must reach every barrier", [&](Session& s) { return s.run("return_before_barrier", 1, 128, 0, floats(s, 128), 100); }},
        {"partial_mask", 719, "partial mask 0x0000ffff", simple("partial_mask", 1, 32)},
        {"shuffle_of_half_a_warp", 702, "deadlock", simple("shuffle_of_half_a_warp", 1, 32)},
        {"shuffle_after_return", 719, "ended", simple("shuffle_after_return", 1, 32)},
        {"different_warp_operations", 719, "divergent warp", simple("different_warp_operations", 1, 32)},
        {"scale with half a warp in a shuffle", 719, "fewer than 32 lanes", [&](Session& s) { return s.run("shuffle_is_no_barrier", 1, 16, 0, floats(s, 32)); }},
        {"endless", 702, "an endless loop", [&](Session& s) {
             configure("turn-seconds", "1");
             int error = s.run("endless", 1, 1, 0, floats(s, 32));
             configure("turn-seconds", "15");
             return error;
         }},
        {"too_much_static_shared", 1, "bytes declared", simple("too_much_static_shared", 1, 32)},
    };
    for (const Mistake& mistake : mistakes)
    {
        Session s(device);
        configure("print", "0");
        int error = mistake.run(s);
        std::string report = last_report();
        expect(error == mistake.error && report.find(mistake.words) != std::string::npos,
               "device " + std::to_string(device) + ": " + mistake.name + " gave " + std::to_string(error) + " instead of " + std::to_string(mistake.error) + " with \"" + mistake.words + "\": " + report);
        // The error stays with the context.
        size_t unused;
        if (mistake.error != 1)
            expect(call("cuMemGetInfo_v2", &unused, &unused) == mistake.error, std::string(mistake.name) + ": the error is sticky");
        configure("print", "1");
    }
    {
        Session s(device);
        Address y = s.allocate(128);
        expect(s.run("uninitialized_shared", 1, 32, 0, y) == 0 && std::isnan(s.download<float>(y, 32)[7]), "uninitialized shared memory is NaN");
        expect(s.run("uninitialized_local", 1, 32, 0, y, 7) == 0 && std::fabs(s.download<float>(y, 32)[7]) > 1e30f, "an uninitialized local variable is far off");
        Address fresh = s.allocate(128);
        expect(std::isnan(s.download<float>(fresh, 32)[31]), "fresh memory is NaN");
        expect(s.run("uninitialized_shared", 1, 32, 0, y) == 0, "a new context has no error");
    }
}
}

void stream_tests(int device, const std::vector<char>& image);
void driver_tests(const std::vector<char>& fast, const std::vector<char>& checked, const std::vector<char>& ptx, const std::string& kernels_folder);
void product_tests(int device);

int main(int argc, char** argv)
{
    if (argc < 4)
        return 2;
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
    {
        std::printf("%s\n", dlerror());
        return 2;
    }
    kernels_folder = argv[2];
    source = read_text(std::string(argv[3]) + "/kernels.cu");
    must("cuInit", 0u);
    std::string log;
    for (int i = 0; i < 2; i++)
    {
        images[i] = compile(source, "kernels.cu", kernels_folder, {std::string("--gpu-architecture=") + ARCHITECTURES[i], "-DSTORAGE_BITS=16", "--fmad=false", "--std=c++17"}, log);
        if (images[i].empty())
        {
            std::printf("%s\n", log.c_str());
            return 2;
        }
    }
    int devices = 0;
    must("cuDeviceGetCount", &devices);
    for (int device = 0; device < devices; device++)
        clean_kernels(device);
    for (int device = 1; device < devices; device++)
        planted_mistakes(device);
    for (int device = 0; device < devices; device++)
        stream_tests(device, images[device == 0 ? 0 : 1]);
    for (int device = 0; device < devices; device++)
        product_tests(device);
    std::vector<char> ptx = compile(source, "kernels.cu", kernels_folder, {"--gpu-architecture=compute_80", "-DSTORAGE_BITS=16"}, log, true);
    driver_tests(images[0], images[1], ptx, kernels_folder);
    std::printf("%d checks, %d failed\n", checks, failures);
    return failures == 0 ? 0 : 1;
}
