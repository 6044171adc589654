// 1. preprocess: the macro KERNEL leaves the attribute emulator_kernel(bound) before every kernel, whatever macros wrote it;
// 2. register: a table is appended that names every kernel, its bound, and its parameters, which templates read from its type;
// 3. compile, in a private folder; what comes out is kept in the cache folder by a hash of all that went in, and by one of the preprocessed text.
#include "compiler.h"

#include "files.h"
#include "module.h"
#include "options.h"
#include "process.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <unistd.h>

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
/// Where this library lies: kernels are linked against it.
std::string own_path()
{
    static const std::string path = [] {
        Dl_info info;
        std::string found;
        if (dladdr(reinterpret_cast<const void*>(&own_path), &info) != 0 && info.dli_fname != nullptr)
            if (char* absolute = realpath(info.dli_fname, nullptr))
            {
                found = absolute;
                std::free(absolute);
            }
        return found;
    }();
    return path;
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

std::string registration(const std::vector<Kernel>& kernels, const ProgramOptions& request, bool checked)
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
    text += "asm(\".section .rodata\\nemulator_program_text: .incbin \\\"program\\\"\\nemulator_program_end: .byte 0\\n.previous\");\n";
    text += "extern \"C\" const unsigned char emulator_program_text[] __attribute__((visibility(\"hidden\")));\nextern \"C\" const unsigned char emulator_program_end[] __attribute__((visibility(\"hidden\")));\n";
    text += "extern \"C\" __attribute__((visibility(\"default\"))) EmulatorModule emulator_module;\n";
    text += "EmulatorModule emulator_module = {" + std::to_string(kernel_environment()) + "ull, " + std::to_string(request.architecture) + ", " + std::to_string(checked) + ", " + std::to_string(kernels.size()) +
            ", emulator_kernels, emulator_program_text, 0};\n";
    text += "__attribute__((constructor, no_sanitize(\"thread\"))) static void emulator_measure_program() { emulator_module.program_bytes = static_cast<unsigned long long>(emulator_program_end - emulator_program_text); }\n";
    return text;
}

/// The name of a file inside the private folder, or "" for one that would leave it.
std::string safe_name(const std::string& name)
{
    if (name.empty() || name[0] == '/' || name.find("..") != std::string::npos)
        return "";
    return name;
}

/// The name in the cache of what is made from a text.
std::string cache_key(const std::string& text)
{
    char key[40];
    std::snprintf(key, sizeof key, "%016llx%016llx", static_cast<unsigned long long>(checksum(text.data(), text.size())),
                  static_cast<unsigned long long>(checksum(text.data(), text.size(), 0x9E3779B97F4A7C15ull)));
    return key;
}

/// Reads an image and the compiler's log from the cache; false where it is not there or damaged.
bool read_cached(const std::string& name, std::vector<unsigned char>& image, std::string& log)
{
    std::string content;
    if (!read_file(name + ".so", content) || content.size() <= 64 || (image = read_image(content.data())).empty())
        return false;
    read_file(name + ".log", log);
    return true;
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

CompileResult compile_kernels(const Program& program, const ProgramOptions& request, Flavor flavor, std::vector<unsigned char>& image, std::string& log)
{
    Options configuration = options();
    bool checked = flavor == Flavor::Checked;
    std::vector<std::string> flags = {configuration.compiler, request.standard, "-march=native", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-math-errno", "-fno-trapping-math",
                                      "-fno-exceptions", "-fno-rtti", "-fno-gnu-unique", "-fno-threadsafe-statics", "-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-Wno-unknown-pragmas", "-Wno-attributes", "-Wno-psabi"};
    switch (flavor)
    {
    case Flavor::Fast: flags.insert(flags.end(), {"-O2", "-ftree-vectorize"}); break;
    case Flavor::Checked: flags.insert(flags.end(), {"-O2", "-g1", "-ftrivial-auto-var-init=pattern", "-fsanitize=thread", "-fsanitize=bounds", "--param=tsan-instrument-func-entry-exit=0"}); break;
    case Flavor::Sanitized: flags.insert(flags.end(), {"-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"}); break;
    }
    // The thread sanitizer's library is not linked: access.cpp answers its calls. The other sanitizers' libraries are those of the program that loads the module.
    std::vector<std::string> link = {"-fpreprocessed", "kernels.ii", "-shared", "-o", "kernels.so", "-nostdlib"};
    if (flavor != Flavor::Sanitized)
        link.insert(link.end(), {"-Wl,-z,defs", own_path(), "-lm", "-lc", "-lgcc"});
    std::string record = write_record(program);
    std::string everything = record + registration({}, request, checked);
    for (const std::string& flag : flags)
        everything += "\n" + flag;
    for (const std::string& flag : link)
        everything += "\n" + (flag == own_path() ? "" : flag);
    std::string cached = configuration.cache + "/" + cache_key(everything);
    if (read_cached(cached, image, log))
        return CompileResult::Done;

    PrivateFolder folder;
    if (folder.path().empty())
    {
        log = "the emulator cannot make a temporary folder";
        return CompileResult::Broken;
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
        log = "the emulator cannot write the program to " + folder.path();
        return CompileResult::Broken;
    }

    std::vector<std::string> preprocess = flags;
    preprocess.insert(preprocess.end(), {"-E", "-x", "c++", "-I", ".", "-I", "emulator", "-include", "emulator/emulator_abi.h", "-DEMULATOR_CHECKED=" + std::to_string(checked), "-D__CUDA_ARCH__=" + std::to_string(request.architecture * 10)});
    for (const std::string& definition : request.definitions)
        preprocess.push_back("-D" + definition);
    for (const std::string& include : request.include_folders)
        preprocess.insert(preprocess.end(), {"-I", include});
    preprocess.insert(preprocess.end(), {main_name, "-o", "kernels.ii"});
    if (run_process(preprocess, folder.path(), log) != 0)
        return CompileResult::Refused;
    std::string text;
    read_file(folder.path() + "/kernels.ii", text);
    text += registration(find_kernels(text), request, checked);
    write_file(folder.path() + "/kernels.ii", text.data(), text.size());
    // A change of what these definitions leave out, or of a comment, comes this far and no further.
    std::string cached_text = configuration.cache + "/" + cache_key(text + everything.substr(record.size()));
    if (read_cached(cached_text, image, log))
        return CompileResult::Done;

    std::vector<std::string> build = flags;
    build.insert(build.end(), link.begin(), link.end());
    std::string output, library;
    int status = run_process(build, folder.path(), output);
    log += output;
    if (status != 0 || !read_file(folder.path() + "/kernels.so", library))
        return CompileResult::Refused;
    image.assign(library.begin(), library.end());
    seal_image(image);
    if (read_image(image.data()).empty())
    {
        log += "the compiler's library has an unexpected layout";
        return CompileResult::Broken;
    }
    // The cache is a convenience: a folder that cannot be written is no error.
    make_folders(configuration.cache);
    for (const std::string& name : {cached, cached_text})
    {
        replace_file(name + ".log", log.data(), log.size());
        if (name == cached || ::link((cached + ".so").c_str(), (name + ".so").c_str()) != 0)
            replace_file(name + ".so", image.data(), image.size());
    }
    return CompileResult::Done;
}
}
