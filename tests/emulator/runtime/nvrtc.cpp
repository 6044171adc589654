// NVRTC's entry points. Architecture 90 and up is compiled plainly and fast, 8.x and below with reported accesses; the work is done in compiler.cpp.
#include "compiler.h"
#include "module.h"
#include "options.h"

#include <cstring>
#include <mutex>
#include <set>

#define ENTRY extern "C" __attribute__((visibility("default"))) int

namespace emulator
{
namespace
{
enum NvrtcResult
{
    NVRTC_SUCCESS = 0,
    NVRTC_ERROR_OUT_OF_MEMORY = 1,
    NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
    NVRTC_ERROR_INVALID_INPUT = 3,
    NVRTC_ERROR_INVALID_PROGRAM = 4,
    NVRTC_ERROR_INVALID_OPTION = 5,
    NVRTC_ERROR_COMPILATION = 6,
    NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7,
};

struct CompiledProgram
{
    Program program;
    std::string log, ptx;
    bool real_architecture = false;
    std::vector<unsigned char> image;
};

std::mutex programs_mutex;
std::set<CompiledProgram*>& programs()
{
    static auto* set = new std::set<CompiledProgram*>;
    return *set;
}

bool exists(CompiledProgram* program)
{
    std::lock_guard<std::mutex> lock(programs_mutex);
    return programs().count(program) != 0;
}

int compile(CompiledProgram& compiled)
{
    compiled.log.clear();
    compiled.image.clear();
    compiled.ptx.clear();
    ProgramOptions options;
    if (!read_options(compiled.program.options, options, compiled.log))
        return NVRTC_ERROR_INVALID_OPTION;
    std::string told = injected_compile_failure();
    if (!told.empty())
    {
        compiled.log = compiled.program.main.name + "(1): " + told;
        return NVRTC_ERROR_COMPILATION;
    }
    compiled.real_architecture = options.real;
    CompileResult result = compile_kernels(compiled.program, options, options.architecture < 90 ? Flavor::Checked : Flavor::Fast, compiled.image, compiled.log);
    if (result != CompileResult::Done)
        return result == CompileResult::Refused ? NVRTC_ERROR_COMPILATION : NVRTC_ERROR_BUILTIN_OPERATION_FAILURE;
    compiled.ptx = image_as_text(compiled.image, options.architecture_text);
    return NVRTC_SUCCESS;
}

const int ARCHITECTURES[] = {50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90};
}
}

using namespace emulator;

ENTRY nvrtcVersion(int* major, int* minor)
{
    if (int fault = injected_fault("nvrtcVersion"))
        return fault;
    if (major == nullptr || minor == nullptr)
        return NVRTC_ERROR_INVALID_INPUT;
    Options o = options();
    *major = o.nvrtc_major;
    *minor = o.nvrtc_minor;
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetNumSupportedArchs(int* count)
{
    *count = sizeof ARCHITECTURES / sizeof ARCHITECTURES[0];
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetSupportedArchs(int* architectures)
{
    std::memcpy(architectures, ARCHITECTURES, sizeof ARCHITECTURES);
    return NVRTC_SUCCESS;
}

extern "C" __attribute__((visibility("default"))) const char* nvrtcGetErrorString(int result)
{
    static const char* const names[] = {"NVRTC_SUCCESS", "NVRTC_ERROR_OUT_OF_MEMORY", "NVRTC_ERROR_PROGRAM_CREATION_FAILURE", "NVRTC_ERROR_INVALID_INPUT", "NVRTC_ERROR_INVALID_PROGRAM", "NVRTC_ERROR_INVALID_OPTION",
                                        "NVRTC_ERROR_COMPILATION", "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE"};
    return result >= 0 && result < 8 ? names[result] : "NVRTC_ERROR unknown";
}

ENTRY nvrtcCreateProgram(CompiledProgram** result, const char* source, const char* name, int header_count, const char* const* headers, const char* const* include_names)
{
    if (int fault = injected_fault("nvrtcCreateProgram"))
        return fault;
    if (result == nullptr || source == nullptr || header_count < 0 || (header_count > 0 && (headers == nullptr || include_names == nullptr)))
        return NVRTC_ERROR_INVALID_INPUT;
    auto* program = new CompiledProgram;
    program->program.main.text = source;
    program->program.main.name = name == nullptr || *name == 0 ? "default_program" : name;
    for (int i = 0; i < header_count; i++)
        program->program.headers.push_back({include_names[i], headers[i]});
    std::lock_guard<std::mutex> lock(programs_mutex);
    programs().insert(program);
    *result = program;
    return NVRTC_SUCCESS;
}

ENTRY nvrtcDestroyProgram(CompiledProgram** program)
{
    if (program == nullptr || !exists(*program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::lock_guard<std::mutex> lock(programs_mutex);
    programs().erase(*program);
    delete *program;
    *program = nullptr;
    return NVRTC_SUCCESS;
}

ENTRY nvrtcCompileProgram(CompiledProgram* program, int count, const char* const* option_texts)
{
    if (int fault = injected_fault("nvrtcCompileProgram"))
        return fault;
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (count < 0 || (count > 0 && option_texts == nullptr))
        return NVRTC_ERROR_INVALID_INPUT;
    program->program.options.assign(option_texts, option_texts + count);
    return compile(*program);
}

static int give_size(CompiledProgram* program, size_t* bytes, size_t (*measure)(const CompiledProgram&))
{
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (bytes == nullptr)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = measure(*program);
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetProgramLogSize(CompiledProgram* program, size_t* bytes)
{
    return give_size(program, bytes, [](const CompiledProgram& p) { return p.log.size() + 1; });
}

ENTRY nvrtcGetProgramLog(CompiledProgram* program, char* log)
{
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::memcpy(log, program->log.c_str(), program->log.size() + 1);
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetCUBINSize(CompiledProgram* program, size_t* bytes)
{
    // A virtual architecture (compute_90) gives PTX alone.
    return give_size(program, bytes, [](const CompiledProgram& p) { return p.real_architecture ? p.image.size() : 0; });
}

ENTRY nvrtcGetCUBIN(CompiledProgram* program, char* image)
{
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!program->real_architecture || program->image.empty())
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::memcpy(image, program->image.data(), program->image.size());
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetPTXSize(CompiledProgram* program, size_t* bytes)
{
    return give_size(program, bytes, [](const CompiledProgram& p) { return p.ptx.empty() ? 0 : p.ptx.size() + 1; });
}

ENTRY nvrtcGetPTX(CompiledProgram* program, char* text)
{
    if (!exists(program) || program->ptx.empty())
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::memcpy(text, program->ptx.c_str(), program->ptx.size() + 1);
    return NVRTC_SUCCESS;
}
