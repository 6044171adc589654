// NVRTC: the program is preprocessed and compiled by g++ against include/emulator.h; what comes out is kept in a cache folder by a hash of all that went in.
//
// 1. preprocess: the macro KERNEL leaves the attribute emulator_kernel(bound) before every kernel, whatever macros wrote it;
// 2. register: a table is appended that names every kernel, its bound, and its parameters, which templates read from its type;
// 3. compile: a plain fast library for architecture 90 and up, an instrumented one (capability 8.x) whose accesses are reported to access.cpp.
#include "../include/emulator_abi.h"
#include "module.h"
#include "options.h"
#include "process.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY extern "C" __attribute__((visibility("default"))) int

// The two headers of the kernels' side, so that the library needs no file beside it.
asm(".section .rodata\n"
    "emulator_header_text: .incbin \"" EMULATOR_INCLUDE "/emulator.h\"\n.byte 0\n"
    "emulator_abi_text: .incbin \"" EMULATOR_INCLUDE "/emulator_abi.h\"\n.byte 0\n"
    ".previous\n");
extern "C" const char emulator_header_text[] __attribute__((visibility("hidden")));
extern "C" const char emulator_abi_text[] __attribute__((visibility("hidden")));

namespace emulator
{
namespace
{
std::string processor_features()
{
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line))
        if (line.compare(0, 5, "flags") == 0)
            return line;
    return "";
}
}

uint64_t kernel_environment()
{
    static const uint64_t environment = [] {
        std::string text = std::string(emulator_header_text) + emulator_abi_text + processor_features();
        return checksum(text.data(), text.size());
    }();
    return environment;
}

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

struct Source
{
    std::string name, text;
};

struct Program
{
    Source main;
    std::vector<Source> headers;
    std::string log, architecture_text;
    bool real_architecture = false;
    std::vector<unsigned char> image;
    std::string ptx;
};

std::mutex programs_mutex;
std::set<Program*>& programs()
{
    static auto* set = new std::set<Program*>;
    return *set;
}

bool exists(Program* program)
{
    std::lock_guard<std::mutex> lock(programs_mutex);
    return programs().count(program) != 0;
}

/// What of the options matters here.
struct Request
{
    int architecture = 52;
    bool real = false;
    std::string architecture_text = "compute_52";
    std::vector<std::string> definitions, include_folders;
    std::string standard = "-std=c++17";
};

/// False, and why, for an option that NVRTC would not know.
bool read_options(int count, const char* const* options, Request& request, std::string& why)
{
    for (int i = 0; i < count; i++)
    {
        std::string option = options[i];
        auto value_of = [&](std::initializer_list<const char*> names, std::string& value) {
            for (const char* name : names)
            {
                size_t length = std::strlen(name);
                if (option == name && i + 1 < count)
                {
                    value = options[++i];
                    return true;
                }
                if (option.compare(0, length, name) == 0 && option.size() > length && (option[length] == '=' || length == 2))
                {
                    value = option.substr(length + (option[length] == '=' ? 1 : 0));
                    return true;
                }
            }
            return false;
        };
        std::string value;
        if (value_of({"--gpu-architecture", "-arch"}, value))
        {
            request.architecture_text = value;
            request.real = value.compare(0, 3, "sm_") == 0;
            if (!request.real && value.compare(0, 8, "compute_") != 0)
            {
                why = "nvrtc: error: invalid value for --gpu-architecture (-arch)";
                return false;
            }
            request.architecture = std::atoi(value.c_str() + (request.real ? 3 : 8));
            if (request.architecture < 50 || request.architecture > 129)
            {
                why = "nvrtc: error: invalid value for --gpu-architecture (-arch)";
                return false;
            }
        }
        else if (value_of({"--std", "-std"}, value)) request.standard = "-std=" + value;
        else if (value_of({"--define-macro", "-D"}, value)) request.definitions.push_back(value);
        else if (value_of({"--include-path", "-I"}, value)) request.include_folders.push_back(value);
        else if (value_of({"--undefine-macro", "-U", "--ptxas-options", "-Xptxas", "--fmad", "-fmad", "--maxrregcount", "-maxrregcount", "--ftz", "-ftz", "--prec-sqrt", "-prec-sqrt", "--prec-div", "-prec-div",
                           "--diag-suppress", "-diag-suppress", "--diag-error", "-diag-error", "--split-compile", "-split-compile", "--pre-include", "-include", "--time", "-time", "--minimal", "-minimal", "--device-stack-protector"}, value))
        {
        }
        else
        {
            static const std::set<std::string> flags = {"--extra-device-vectorization", "-extra-device-vectorization", "--generate-line-info", "-lineinfo", "--device-debug", "-G", "--dopt=on", "-default-device",
                "--device-as-default-execution-space", "--restrict", "-restrict", "--disable-warnings", "-w", "--use_fast_math", "-use_fast_math", "--relocatable-device-code=false", "-rdc=false", "--display-error-number",
                "-err-no", "--no-display-error-number", "--no-source-include", "-no-source-include", "--dlink-time-opt", "--minimal", "-minimal", "--builtin-initializer-list=false"};
            if (flags.count(option) == 0)
            {
                why = "nvrtc: error: unrecognized option " + option + " found";
                return false;
            }
            if (option == "--use_fast_math" || option == "-use_fast_math")
            {
                why = "nvrtc: error: the emulator refuses --use_fast_math: the kernels' arithmetic is exact";
                return false;
            }
        }
    }
    return true;
}

bool write_file(const std::string& path, const void* data, size_t bytes)
{
    std::ofstream file(path, std::ios::binary);
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    return file.good();
}

bool read_file(const std::string& path, std::string& text)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return false;
    text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    return true;
}

void make_folders(const std::string& path)
{
    for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        mkdir(path.substr(0, slash).c_str(), 0777);
    mkdir(path.c_str(), 0777);
}

/// A folder of this process alone, removed at the end of its scope.
class PrivateFolder
{
public:
    PrivateFolder()
    {
        const char* temporary = std::getenv("TMPDIR");
        path_ = std::string(temporary == nullptr || *temporary == 0 ? "/tmp" : temporary) + "/sophia-emulator-XXXXXX";
        if (mkdtemp(path_.data()) == nullptr)
            path_.clear();
    }

    ~PrivateFolder()
    {
        if (!path_.empty())
            remove_all(path_);
    }

    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    static void remove_all(const std::string& folder)
    {
        if (DIR* open = opendir(folder.c_str()))
        {
            while (dirent* entry = readdir(open))
            {
                std::string name = entry->d_name;
                if (name == "." || name == "..")
                    continue;
                std::string path = folder + "/" + name;
                if (unlink(path.c_str()) != 0)
                    remove_all(path);
            }
            closedir(open);
        }
        rmdir(folder.c_str());
    }

    std::string path_;
};

/// Where this library lies: kernels are linked against it.
std::string own_path()
{
    Dl_info info;
    return dladdr(reinterpret_cast<const void*>(&own_path), &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

struct Kernel
{
    std::string name, bound;
};

/// The kernels of a preprocessed text: `emulator_kernel(bound))) void name(`.
std::vector<Kernel> find_kernels(const std::string& text)
{
    std::vector<Kernel> kernels;
    const std::string mark = "emulator_kernel(";
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
    {
        size_t begin = at + mark.size(), end = begin;
        for (int depth = 1; end < text.size() && depth > 0; end++)
            depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
        Kernel kernel;
        kernel.bound = text.substr(begin, end - 1 - begin);
        at = end;
        // Behind the attribute: `)) void name (`, with line markers and spaces anywhere.
        size_t open = text.find('(', end);
        if (open == std::string::npos)
            break;
        size_t last = open;
        while (last > end && std::isspace(static_cast<unsigned char>(text[last - 1])))
            last--;
        size_t first = last;
        while (first > end && (std::isalnum(static_cast<unsigned char>(text[first - 1])) || text[first - 1] == '_'))
            first--;
        kernel.name = text.substr(first, last - first);
        // A declaration before the definition is the same kernel.
        bool known = kernel.name.empty();
        for (Kernel& other : kernels)
            known |= other.name == kernel.name;
        if (!known)
            kernels.push_back(kernel);
    }
    return kernels;
}

std::string registration(const std::vector<Kernel>& kernels, const Request& request, bool checked, const std::string& folder)
{
    std::string text = R"(
# 1 "emulator_registration"
namespace emulator_registration
{
template <class A> struct is_pointer { static constexpr int value = 0; };
template <class A> struct is_pointer<A*> { static constexpr int value = 1; };
template <int... I> struct indices {};
template <int N, int... I> struct count : count<N - 1, N - 1, I...> {};
template <int... I> struct count<0, I...> { typedef indices<I...> type; };
template <class F, F* f> struct kernel;
template <class... A, void (*f)(A...)> struct kernel<void(A...), f>
{
    struct list { EmulatorParameter entries[sizeof...(A) + 1]; };
    static constexpr list describe()
    {
        list result = {};
        unsigned sizes[] = {static_cast<unsigned>(sizeof(A))..., 0u}, alignments[] = {static_cast<unsigned>(alignof(A))..., 1u};
        int pointers[] = {is_pointer<A>::value..., 0};
        unsigned offset = 0;
        for (unsigned i = 0; i < sizeof...(A); i++)
        {
            offset = (offset + alignments[i] - 1) / alignments[i] * alignments[i];
            result.entries[i].offset = offset;
            result.entries[i].size = sizes[i];
            result.entries[i].is_pointer = pointers[i];
            offset += sizes[i];
        }
        return result;
    }
    static constexpr list parameters = describe();
    template <int... I> __attribute__((no_sanitize("thread"))) static void call(void** p, indices<I...>) { (void)p; f(*static_cast<A*>(p[I])...); }
    __attribute__((no_sanitize("thread"))) static void invoke(void** p) { call(p, typename count<sizeof...(A)>::type()); }
    static constexpr int size = sizeof...(A);
};
}
)";
    text += "static const EmulatorKernel emulator_kernels[] = {\n";
    for (const Kernel& kernel : kernels)
    {
        std::string type = "emulator_registration::kernel<decltype(" + kernel.name + "), " + kernel.name + ">";
        text += "    {\"" + kernel.name + "\", &" + type + "::invoke, (" + kernel.bound + "), " + type + "::size, " + type + "::parameters.entries},\n";
    }
    text += "    {nullptr, nullptr, 0, 0, nullptr}};\n";
    text += "asm(\".section .rodata\\nemulator_program_text: .incbin \\\"" + folder + "/program\\\"\\nemulator_program_end: .byte 0\\n.previous\");\n";
    text += "extern \"C\" const unsigned char emulator_program_text[] __attribute__((visibility(\"hidden\")));\nextern \"C\" const unsigned char emulator_program_end[] __attribute__((visibility(\"hidden\")));\n";
    text += "extern \"C\" __attribute__((visibility(\"default\"))) EmulatorModule emulator_module;\n";
    text += "EmulatorModule emulator_module = {" + std::to_string(kernel_environment()) + "ull, " + std::to_string(request.architecture) + ", " + std::to_string(checked) + ", " + std::to_string(kernels.size()) +
            ", emulator_kernels, emulator_program_text, 0};\n";
    text += "__attribute__((constructor, no_sanitize(\"thread\"))) static void emulator_measure_program() { emulator_module.program_bytes = static_cast<unsigned long long>(emulator_program_end - emulator_program_text); }\n";
    return text;
}

/// Everything that was handed to NVRTC, for dumps: records of "kind length name", a line feed, the text and a line feed.
std::string program_record(const Program& program, int count, const char* const* options)
{
    std::string text;
    auto add = [&](const char* kind, const std::string& name, const std::string& content) { text += std::string(kind) + " " + std::to_string(content.size()) + " " + name + "\n" + content + "\n"; };
    add("source", program.main.name, program.main.text);
    for (const Source& header : program.headers)
        add("header", header.name, header.text);
    for (int i = 0; i < count; i++)
        add("option", "", options[i]);
    return text;
}

/// The name of a file inside the private folder, or "" for one that would leave it.
std::string safe_name(const std::string& name)
{
    if (name.empty() || name[0] == '/' || name.find("..") != std::string::npos)
        return "";
    return name;
}

int compile(Program& program, int count, const char* const* option_texts)
{
    program.log.clear();
    program.image.clear();
    program.ptx.clear();
    Request request;
    if (!read_options(count, option_texts, request, program.log))
        return NVRTC_ERROR_INVALID_OPTION;
    std::string told = injected_compile_failure();
    if (!told.empty())
    {
        program.log = program.main.name + "(1): " + told;
        return NVRTC_ERROR_COMPILATION;
    }
    Options configuration = options();
    bool checked = request.architecture < 90;
    program.architecture_text = request.architecture_text;
    program.real_architecture = request.real;

    std::vector<std::string> flags = {configuration.compiler, request.standard, "-march=native", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-math-errno", "-fno-trapping-math",
                                      "-fno-exceptions", "-fno-rtti", "-fno-gnu-unique", "-fno-threadsafe-statics", "-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-Wno-unknown-pragmas", "-Wno-attributes", "-Wno-psabi"};
    if (checked)
        flags.insert(flags.end(), {"-O2", "-g1", "-fsanitize=thread", "--param=tsan-instrument-func-entry-exit=0"});
    else
        flags.insert(flags.end(), {"-O2", "-ftree-vectorize"});
    std::string record = program_record(program, count, option_texts);
    // The sanitizer's library is not linked: access.cpp answers its calls.
    const std::vector<std::string> link = {"-fpreprocessed", "kernels.ii", "-shared", "-o", "kernels.so", "-Wl,-z,defs", "-nostdlib", own_path(), "-lm", "-lc", "-lgcc"};
    std::string everything = record + registration({}, request, checked, "");
    for (const std::string& flag : flags)
        everything += "\n" + flag;
    for (const std::string& flag : link)
        everything += "\n" + (flag == own_path() ? "" : flag);
    char key[40];
    std::snprintf(key, sizeof key, "%016llx%016llx", static_cast<unsigned long long>(checksum(everything.data(), everything.size())),
                  static_cast<unsigned long long>(checksum(everything.data(), everything.size(), 0x9E3779B97F4A7C15ull)));
    std::string cached = configuration.cache + "/" + key + ".so", content;
    if (read_file(cached, content) && content.size() > 64 && !(program.image = read_image(content.data())).empty())
    {
        read_file(configuration.cache + "/" + key + ".log", program.log);
        program.ptx = image_as_text(program.image, request.architecture_text);
        return NVRTC_SUCCESS;
    }

    PrivateFolder folder;
    if (folder.path().empty())
    {
        program.log = "the emulator cannot make a temporary folder";
        return NVRTC_ERROR_BUILTIN_OPERATION_FAILURE;
    }
    auto write = [&](const std::string& name, const std::string& text) {
        std::string safe = safe_name(name);
        if (safe.empty())
            return false;
        if (size_t slash = safe.rfind('/'); slash != std::string::npos)
            make_folders(folder.path() + "/" + safe.substr(0, slash));
        return write_file(folder.path() + "/" + safe, text.data(), text.size());
    };
    std::string main_name = safe_name(program.main.name).empty() ? "default_program" : program.main.name;
    bool written = write("emulator/emulator.h", emulator_header_text) && write("emulator/emulator_abi.h", emulator_abi_text) && write(main_name, program.main.text) && write("program", record);
    for (const Source& header : program.headers)
        written = written && write(header.name, header.text);
    if (!written)
    {
        program.log = "the emulator cannot write the program to " + folder.path();
        return NVRTC_ERROR_BUILTIN_OPERATION_FAILURE;
    }

    std::vector<std::string> preprocess = flags;
    preprocess.insert(preprocess.end(), {"-E", "-x", "c++", "-I", ".", "-I", "emulator", "-include", "emulator/emulator_abi.h", "-DEMULATOR_CHECKED=" + std::to_string(checked), "-D__NVCC_EMULATED__=1", "-D__CUDA_ARCH__=" + std::to_string(request.architecture * 10)});
    for (const std::string& definition : request.definitions)
        preprocess.push_back("-D" + definition);
    for (const std::string& include : request.include_folders)
        preprocess.insert(preprocess.end(), {"-I", include});
    preprocess.insert(preprocess.end(), {main_name, "-o", "kernels.ii"});
    if (run_process(preprocess, folder.path(), program.log) != 0)
        return NVRTC_ERROR_COMPILATION;
    std::string text;
    read_file(folder.path() + "/kernels.ii", text);
    std::vector<Kernel> kernels = find_kernels(text);
    text += registration(kernels, request, checked, folder.path());
    write_file(folder.path() + "/kernels.ii", text.data(), text.size());

    std::vector<std::string> build = flags;
    build.insert(build.end(), link.begin(), link.end());
    std::string output;
    int status = run_process(build, folder.path(), output);
    program.log += output;
    std::string image;
    if (status != 0 || !read_file(folder.path() + "/kernels.so", image))
        return NVRTC_ERROR_COMPILATION;
    program.image.assign(image.begin(), image.end());
    seal_image(program.image);
    if (read_image(program.image.data()).empty())
    {
        program.log += "the compiler's library has an unexpected layout";
        return NVRTC_ERROR_BUILTIN_OPERATION_FAILURE;
    }
    program.ptx = image_as_text(program.image, request.architecture_text);

    // The cache is a convenience: a folder that cannot be written is no error.
    make_folders(configuration.cache);
    std::string unique = "." + std::to_string(getpid()) + "." + std::to_string(reinterpret_cast<uintptr_t>(&program) >> 4) + ".tmp";
    if (write_file(configuration.cache + "/" + key + ".log" + unique, program.log.data(), program.log.size()))
        std::rename((configuration.cache + "/" + key + ".log" + unique).c_str(), (configuration.cache + "/" + key + ".log").c_str());
    if (write_file(cached + unique, program.image.data(), program.image.size()))
        std::rename((cached + unique).c_str(), cached.c_str());
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

ENTRY nvrtcCreateProgram(Program** result, const char* source, const char* name, int header_count, const char* const* headers, const char* const* include_names)
{
    if (int fault = injected_fault("nvrtcCreateProgram"))
        return fault;
    if (result == nullptr || source == nullptr || header_count < 0 || (header_count > 0 && (headers == nullptr || include_names == nullptr)))
        return NVRTC_ERROR_INVALID_INPUT;
    auto* program = new Program;
    program->main.text = source;
    program->main.name = name == nullptr || *name == 0 ? "default_program" : name;
    for (int i = 0; i < header_count; i++)
        program->headers.push_back({include_names[i], headers[i]});
    std::lock_guard<std::mutex> lock(programs_mutex);
    programs().insert(program);
    *result = program;
    return NVRTC_SUCCESS;
}

ENTRY nvrtcDestroyProgram(Program** program)
{
    if (program == nullptr || !exists(*program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::lock_guard<std::mutex> lock(programs_mutex);
    programs().erase(*program);
    delete *program;
    *program = nullptr;
    return NVRTC_SUCCESS;
}

ENTRY nvrtcCompileProgram(Program* program, int count, const char* const* option_texts)
{
    if (int fault = injected_fault("nvrtcCompileProgram"))
        return fault;
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (count < 0 || (count > 0 && option_texts == nullptr))
        return NVRTC_ERROR_INVALID_INPUT;
    return compile(*program, count, option_texts);
}

static int give_size(Program* program, size_t* bytes, size_t (*measure)(const Program&))
{
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (bytes == nullptr)
        return NVRTC_ERROR_INVALID_INPUT;
    *bytes = measure(*program);
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetProgramLogSize(Program* program, size_t* bytes)
{
    return give_size(program, bytes, [](const Program& p) { return p.log.size() + 1; });
}

ENTRY nvrtcGetProgramLog(Program* program, char* log)
{
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::memcpy(log, program->log.c_str(), program->log.size() + 1);
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetCUBINSize(Program* program, size_t* bytes)
{
    // A virtual architecture (compute_90) gives PTX alone.
    return give_size(program, bytes, [](const Program& p) { return p.real_architecture ? p.image.size() : 0; });
}

ENTRY nvrtcGetCUBIN(Program* program, char* image)
{
    if (!exists(program))
        return NVRTC_ERROR_INVALID_PROGRAM;
    if (!program->real_architecture || program->image.empty())
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::memcpy(image, program->image.data(), program->image.size());
    return NVRTC_SUCCESS;
}

ENTRY nvrtcGetPTXSize(Program* program, size_t* bytes)
{
    return give_size(program, bytes, [](const Program& p) { return p.ptx.empty() ? 0 : p.ptx.size() + 1; });
}

ENTRY nvrtcGetPTX(Program* program, char* text)
{
    if (!exists(program) || program->ptx.empty())
        return NVRTC_ERROR_INVALID_PROGRAM;
    std::memcpy(text, program->ptx.c_str(), program->ptx.size() + 1);
    return NVRTC_SUCCESS;
}
