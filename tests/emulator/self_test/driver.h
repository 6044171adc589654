// The self-test's view of the emulator: its entry points by name, as a host program loads them (RTLD_LOCAL), and small helpers around them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

typedef unsigned long long Address;

inline void* library;

template <class... A> int call(const char* name, A... arguments)
{
    auto* entry = reinterpret_cast<int (*)(A...)>(dlsym(library, name));
    if (entry == nullptr)
    {
        std::printf("the library does not export %s\n", name);
        std::exit(2);
    }
    return entry(arguments...);
}

inline int failures = 0, checks = 0;

/// Counts a check; prints it when it fails.
inline bool expect(bool condition, const std::string& what)
{
    checks++;
    if (!condition)
    {
        failures++;
        std::printf("FAILED: %s\n", what.c_str());
    }
    return condition;
}

inline std::string last_report() { return reinterpret_cast<const char* (*)()>(dlsym(library, "emulator_last_report"))(); }
inline int configure(const char* key, const char* value) { return call("emulator_configure", key, value); }
inline long long count(const char* what, int device) { return reinterpret_cast<long long (*)(const char*, int)>(dlsym(library, "emulator_count"))(what, device); }

/// A call that must succeed for the test to make sense.
template <class... A> void must(const char* name, A... arguments)
{
    if (int error = call(name, arguments...))
    {
        std::printf("%s gave %d: %s\n", name, error, last_report().c_str());
        std::exit(2);
    }
}

inline std::string read_text(const std::string& path)
{
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Compiles with the emulated NVRTC: the image, or the log in `log`.
inline std::vector<char> compile(const std::string& source, const std::string& name, const std::string& kernels_folder, std::vector<std::string> options, std::string& log, bool ptx = false)
{
    std::vector<std::string> names = {"portable.cuh", "math.cuh"}, texts;
    for (const std::string& header : names)
        texts.push_back(read_text(kernels_folder + "/" + header));
    std::vector<const char*> header_texts, header_names, option_texts;
    for (size_t i = 0; i < names.size(); i++)
    {
        header_texts.push_back(texts[i].c_str());
        header_names.push_back(names[i].c_str());
    }
    for (const std::string& option : options)
        option_texts.push_back(option.c_str());
    void* program = nullptr;
    must("nvrtcCreateProgram", &program, source.c_str(), name.c_str(), static_cast<int>(names.size()), header_texts.data(), header_names.data());
    int result = call("nvrtcCompileProgram", program, static_cast<int>(option_texts.size()), option_texts.data());
    size_t bytes = 0;
    must("nvrtcGetProgramLogSize", program, &bytes);
    log.assign(bytes, 0);
    must("nvrtcGetProgramLog", program, log.data());
    log.resize(std::strlen(log.c_str()));
    std::vector<char> image;
    if (result == 0)
    {
        must(ptx ? "nvrtcGetPTXSize" : "nvrtcGetCUBINSize", program, &bytes);
        image.resize(bytes);
        if (bytes > 0)
            must(ptx ? "nvrtcGetPTX" : "nvrtcGetCUBIN", program, image.data());
    }
    must("nvrtcDestroyProgram", &program);
    return image;
}

inline unsigned short bfloat16_bits(float value)
{
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float bfloat16_value(unsigned short half)
{
    unsigned bits = static_cast<unsigned>(half) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}
