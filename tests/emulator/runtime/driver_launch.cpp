// Modules, functions and launches.
#include "dump.h"
#include "entry.h"

#include <algorithm>
#include <cstring>

namespace emulator
{
namespace
{
Module& module_of(Context& context, void* handle)
{
    for (auto& module : context.modules)
        if (module.get() == handle)
            return *module;
    throw DriverError{CUDA_ERROR_INVALID_HANDLE, "no module of the current context"};
}

Function& function_of(Context& context, void* handle)
{
    for (auto& module : context.modules)
        for (auto& entry : module->functions)
            if (entry.second.get() == handle)
                return *entry.second;
    throw DriverError{CUDA_ERROR_INVALID_HANDLE, "no function of a loaded module of the current context"};
}

/// Options of cuModuleLoadDataEx that receive what went wrong.
void write_error_log(unsigned count, const int* names, void** values, const std::string& text)
{
    char* buffer = nullptr;
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
    {
        if (names[i] == 5)
            buffer = static_cast<char*>(values[i]);
        if (names[i] == 6)
            bytes = static_cast<size_t>(reinterpret_cast<uintptr_t>(values[i]) & 0xffffffffu);
    }
    if (buffer != nullptr && bytes > 0)
        std::snprintf(buffer, bytes, "%s", text.c_str());
}

int load(const char* name, void** handle, const void* image, unsigned option_count, const int* option_names, void** option_values)
{
    return with_context(name, [&](Context& context) {
        require(handle != nullptr && image != nullptr, "image or result is null");
        context.forbid_in_capture();
        auto refuse = [&](int error, const std::string& why) {
            write_error_log(option_count, option_names, option_values, why);
            throw DriverError{error, why};
        };
        bool is_text = *static_cast<const char*>(image) == '/' || *static_cast<const char*>(image) == '.';
        std::vector<unsigned char> bytes = read_image(image);
        if (bytes.empty())
            refuse(is_text ? CUDA_ERROR_INVALID_PTX : CUDA_ERROR_INVALID_IMAGE, "the image is damaged, or none that this emulator's NVRTC made");
        std::string why;
        std::unique_ptr<Module> module = open_module(bytes, why);
        if (module == nullptr)
            refuse(CUDA_ERROR_INVALID_IMAGE, why);
        // A cubin runs on its own major version from its minor version on, PTX on all that is newer.
        int made_for = module->description->architecture, here = context.device->major * 10 + context.device->minor;
        if (is_text ? made_for > here : made_for / 10 != here / 10 || made_for > here)
            refuse(is_text ? CUDA_ERROR_INVALID_PTX : CUDA_ERROR_NO_BINARY_FOR_GPU, "compiled for " + std::to_string(made_for) + ", the device is " + std::to_string(here));
        module->context = &context;
        *handle = module.get();
        context.modules.push_back(std::move(module));
        return 0;
    });
}

int dynamic_shared_limit(const Function& function)
{
    return function.dynamic_shared_limit >= 0 ? function.dynamic_shared_limit : 48 * 1024 - static_cast<int>(function.static_shared);
}

/// The parameters of a launch, copied at the call.
struct Parameters
{
    std::vector<unsigned char> bytes;
    std::vector<void*> pointers;
};

std::shared_ptr<Parameters> copy_parameters(const Function& function, void** parameters, void** extra)
{
    const EmulatorKernel& kernel = *function.kernel;
    auto copy = std::make_shared<Parameters>();
    // Kernels may be compiled to read a parameter with one wide access.
    copy->bytes.resize(function.parameter_bytes() + 32, 0xFF);
    unsigned char* start = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(copy->bytes.data()) + 15) / 16 * 16);
    if (extra != nullptr)
    {
        require(parameters == nullptr, "kernelParams and extra are both given");
        const void* buffer = nullptr;
        size_t bytes = 0;
        for (void** entry = extra; *entry != nullptr; entry += 2)
        {
            if (reinterpret_cast<uintptr_t>(entry[0]) == 1)
                buffer = entry[1];
            else if (reinterpret_cast<uintptr_t>(entry[0]) == 2)
                bytes = *static_cast<size_t*>(entry[1]);
            else
                require(false, "unknown entry in extra");
        }
        unsigned wanted = function.parameter_bytes();
        if (bytes != wanted && bytes != (wanted + 7) / 8 * 8)
            throw DriverError{CUDA_ERROR_INVALID_VALUE, std::string(kernel.name) + " takes " + std::to_string(wanted) + " bytes of parameters, " + std::to_string(bytes) + " are given"};
        if (wanted > 0)
        {
            require(buffer != nullptr, "the parameter buffer is null");
            std::memcpy(start, buffer, wanted);
        }
        for (int i = 0; i < kernel.parameter_count; i++)
            copy->pointers.push_back(start + kernel.parameters[i].offset);
        return copy;
    }
    require(parameters != nullptr || kernel.parameter_count == 0, "kernelParams is null");
    for (int i = 0; i < kernel.parameter_count; i++)
    {
        const EmulatorParameter& parameter = kernel.parameters[i];
        if (parameters[i] == nullptr)
            throw DriverError{CUDA_ERROR_INVALID_VALUE, std::string(kernel.name) + ": the pointer to parameter " + std::to_string(i) + " of " + std::to_string(kernel.parameter_count) + " is null"};
        std::memcpy(start + parameter.offset, parameters[i], parameter.size);
        copy->pointers.push_back(start + parameter.offset);
    }
    return copy;
}

void check_limits(const Device& device, const Function& function, dim3 grid, dim3 block, unsigned dynamic_shared)
{
    auto refuse = [&](int error, const std::string& why) {
        throw DriverError{error, std::string(function.kernel->name) + ": " + why + ", grid " + describe(grid) + ", block size " + describe(block) + ", dynamic shared memory " + std::to_string(dynamic_shared) + " bytes"};
    };
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0)
        refuse(CUDA_ERROR_INVALID_VALUE, "a size is 0");
    if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
        refuse(CUDA_ERROR_INVALID_VALUE, "the grid is larger than (2147483647, 65535, 65535)");
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || static_cast<uint64_t>(block.x) * block.y * block.z > 1024)
        refuse(CUDA_ERROR_INVALID_VALUE, "the block is larger than (1024, 1024, 64) or 1024 threads");
    if (block.x * block.y * block.z > static_cast<unsigned>(function.kernel->launch_bound))
        refuse(CUDA_ERROR_INVALID_VALUE, "the kernel is bounded to " + std::to_string(function.kernel->launch_bound) + " threads");
    if (static_cast<int64_t>(dynamic_shared) > dynamic_shared_limit(function))
        refuse(CUDA_ERROR_INVALID_VALUE, "the kernel may have " + std::to_string(dynamic_shared_limit(function)) +
               " bytes of dynamic shared memory (cuFuncSetAttribute with CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES raises it up to " + std::to_string(device.shared_opt_in()) + ")");
}

void run_launch(Context& context, Function& function, dim3 grid, dim3 block, unsigned dynamic_shared, Parameters& parameters)
{
    Device& device = *context.device;
    Launch launch;
    launch.kernel = function.kernel;
    launch.code = function.module->code;
    launch.grid = grid;
    launch.block = block;
    launch.dynamic_shared = dynamic_shared;
    launch.total_shared_limit = function.dynamic_shared_limit >= 0 ? device.shared_opt_in() : 48 * 1024;
    launch.parameters = parameters.pointers.data();
    Options o = options();
    launch.schedule = device.schedule;
    launch.schedule.turn_seconds = o.turn_seconds;
    launch.schedule.launch_seconds = o.launch_seconds;
    // Another order for every launch, the same in every run with one seed.
    launch.schedule.seed = (o.seed + device.launches) * 0x9E3779B97F4A7C15ull;
    if (device.schedule.resident_blocks > 1)
        launch.schedule.resident_blocks = 2 + static_cast<unsigned>((launch.schedule.seed >> 40) % 3);
    launch.device_memory = device.memory.get();
    launch.host_memory = &pinned_memory();
    launch.device_name = "cuda:" + std::to_string(device.ordinal) + " (" + device.name + ", seed " + std::to_string(o.seed) + ", launch " + std::to_string(device.launches) + ")";
    if (device.schedule.checked)
        launch.first_serial = device.memory->take_serials(launch.blocks());
    device.launches++;
    if (!o.dump.empty() && (o.dump_kernels.empty() || (" " + o.dump_kernels + " ").find(" " + std::string(function.kernel->name) + " ") != std::string::npos))
        dump_launch(o.dump, function, launch);
    if (int error = injected_launch_failure())
    {
        context.error = error;
        report(std::string(function.kernel->name) + ": this launch was told to fail with error " + std::to_string(error));
        return;
    }
    execute(launch);
    function.static_shared = std::max(function.static_shared, launch.static_bytes);
    if (launch.finding.error != 0)
    {
        context.error = launch.finding.error;
        report(launch.finding.text);
    }
}
}
}

using namespace emulator;

ENTRY cuModuleLoadData(void** module, const void* image) { return load("cuModuleLoadData", module, image, 0, nullptr, nullptr); }

ENTRY cuModuleLoadDataEx(void** module, const void* image, unsigned count, int* names, void** values)
{
    return load("cuModuleLoadDataEx", module, image, count, names, values);
}

ENTRY cuModuleUnload(void* handle)
{
    return with_context("cuModuleUnload", [&](Context& context) {
        context.forbid_in_capture();
        Module& module = module_of(context, handle);
        // Its kernels may be queued.
        context.run_all();
        context.modules.erase(std::find_if(context.modules.begin(), context.modules.end(), [&](auto& entry) { return entry.get() == &module; }));
        return context.error;
    });
}

ENTRY cuModuleGetFunction(void** function, void* handle, const char* name)
{
    return with_context("cuModuleGetFunction", [&](Context& context) {
        require(function != nullptr && name != nullptr, "name or result is null");
        Module& module = module_of(context, handle);
        auto found = module.functions.find(name);
        if (found == module.functions.end())
            throw DriverError{CUDA_ERROR_NOT_FOUND, "the module has no kernel " + std::string(name)};
        *function = found->second.get();
        return 0;
    });
}

ENTRY cuModuleGetFunctionCount(unsigned* count, void* handle)
{
    return with_context("cuModuleGetFunctionCount", [&](Context& context) {
        *count = static_cast<unsigned>(module_of(context, handle).functions.size());
        return 0;
    });
}

ENTRY cuModuleGetGlobal_v2(CUdeviceptr*, size_t*, void* handle, const char* name)
{
    // Kernels of the thin layer have no writable globals, and their constant tables are not visible by name.
    return with_context("cuModuleGetGlobal_v2", [&](Context& context) -> int {
        module_of(context, handle);
        throw DriverError{CUDA_ERROR_NOT_FOUND, "the module has no global " + std::string(name == nullptr ? "" : name)};
    });
}

ENTRY cuModuleGetLoadingMode(int* mode)
{
    return guarded("cuModuleGetLoadingMode", [&] {
        *mode = 1;
        return 0;
    });
}

ENTRY cuFuncGetName(const char** name, void* handle)
{
    return with_context("cuFuncGetName", [&](Context& context) {
        *name = function_of(context, handle).kernel->name;
        return 0;
    });
}

ENTRY cuFuncGetModule(void** module, void* handle)
{
    return with_context("cuFuncGetModule", [&](Context& context) {
        *module = function_of(context, handle).module;
        return 0;
    });
}

ENTRY cuFuncGetParamInfo(void* handle, size_t index, size_t* offset, size_t* bytes)
{
    return with_context("cuFuncGetParamInfo", [&](Context& context) -> int {
        const EmulatorKernel& kernel = *function_of(context, handle).kernel;
        // The end of the list is asked for by index: no report.
        if (index >= static_cast<size_t>(kernel.parameter_count))
            return CUDA_ERROR_INVALID_VALUE;
        if (offset != nullptr)
            *offset = kernel.parameters[index].offset;
        if (bytes != nullptr)
            *bytes = kernel.parameters[index].size;
        return 0;
    });
}

ENTRY cuFuncGetAttribute(int* value, int attribute, void* handle)
{
    return with_context("cuFuncGetAttribute", [&](Context& context) {
        require(value != nullptr, "value is null");
        Function& function = function_of(context, handle);
        switch (attribute)
        {
        case 0: *value = std::min(1024, function.kernel->launch_bound); break;
        case 1: *value = static_cast<int>(function.static_shared); break;
        case 2: case 3: *value = 0; break;
        case 4: *value = 32; break;
        case 5: case 6: *value = function.module->description->architecture; break;
        case 7: *value = 0; break;
        case 8: *value = dynamic_shared_limit(function); break;
        case 9: *value = -1; break;
        default: require(false, "no such attribute");
        }
        return 0;
    });
}

ENTRY cuFuncSetAttribute(void* handle, int attribute, int value)
{
    return with_context("cuFuncSetAttribute", [&](Context& context) {
        Function& function = function_of(context, handle);
        if (attribute == 8)
        {
            if (value < 0 || static_cast<unsigned>(value) + function.static_shared > context.device->shared_opt_in())
                throw DriverError{CUDA_ERROR_INVALID_VALUE, std::string(function.kernel->name) + ": " + std::to_string(value) + " bytes of dynamic shared memory, the device has " + std::to_string(context.device->shared_opt_in())};
            function.dynamic_shared_limit = value;
        }
        else
            require(attribute == 9, "an attribute that cannot be set");
        return 0;
    });
}

ENTRY cuFuncSetCacheConfig(void* handle, int)
{
    return with_context("cuFuncSetCacheConfig", [&](Context& context) {
        function_of(context, handle);
        return 0;
    });
}

static int occupancy(const char* name, int* blocks, void* handle, int threads, size_t dynamic_shared)
{
    return with_context(name, [&](Context& context) {
        require(blocks != nullptr && threads > 0, "block size or result is missing");
        Function& function = function_of(context, handle);
        size_t shared = dynamic_shared + function.static_shared + 1024;
        size_t by_shared = (context.device->shared_opt_in() + 1024) / shared;
        size_t by_threads = static_cast<size_t>(2048 / ((threads + 31) / 32 * 32));
        bool possible = threads <= function.kernel->launch_bound && static_cast<int64_t>(dynamic_shared) <= dynamic_shared_limit(function);
        *blocks = possible ? static_cast<int>(std::min({by_shared, by_threads, size_t(32)})) : 0;
        return 0;
    });
}

ENTRY cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int threads, size_t dynamic_shared)
{
    return occupancy("cuOccupancyMaxActiveBlocksPerMultiprocessor", blocks, function, threads, dynamic_shared);
}

ENTRY cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, void* function, int threads, size_t dynamic_shared, unsigned)
{
    return occupancy("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", blocks, function, threads, dynamic_shared);
}

ENTRY cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned dynamic_shared, void* stream, void** parameters, void** extra)
{
    return with_context("cuLaunchKernel", [&](Context& context) {
        Stream& on = stream_of(context, stream);
        Function& function = function_of(context, handle);
        dim3 grid{grid_x, grid_y, grid_z}, block{block_x, block_y, block_z};
        check_limits(*context.device, function, grid, block, dynamic_shared);
        std::shared_ptr<Parameters> copy = copy_parameters(function, parameters, extra);
        context.enqueue(on, [=, &context, &function] { run_launch(context, function, grid, block, dynamic_shared, *copy); });
        return 0;
    });
}
