#include "program.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <set>

namespace emulator
{
bool read_options(const std::vector<std::string>& options, ProgramOptions& request, std::string& why)
{
    for (size_t i = 0; i < options.size(); i++)
    {
        std::string option = options[i];
        auto value_of = [&](std::initializer_list<const char*> names, std::string& value) {
            for (const char* name : names)
            {
                size_t length = std::strlen(name);
                if (option == name && i + 1 < options.size())
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

std::string write_record(const Program& program)
{
    std::string text;
    auto add = [&](const char* kind, const std::string& name, const std::string& content) { text += std::string(kind) + " " + std::to_string(content.size()) + " " + name + "\n" + content + "\n"; };
    add("source", program.main.name, program.main.text);
    for (const Source& header : program.headers)
        add("header", header.name, header.text);
    for (const std::string& option : program.options)
        add("option", "", option);
    return text;
}

bool read_record(const std::string& record, Program& program)
{
    for (size_t at = 0; at < record.size();)
    {
        size_t end = record.find('\n', at), first = record.find(' ', at), second = record.find(' ', first + 1);
        if (end == std::string::npos || second == std::string::npos || second > end)
            return false;
        std::string kind = record.substr(at, first - at), name = record.substr(second + 1, end - second - 1);
        size_t bytes = std::strtoull(record.c_str() + first + 1, nullptr, 10);
        if (end + 1 + bytes + 1 > record.size())
            return false;
        std::string content = record.substr(end + 1, bytes);
        if (kind == "source")
            program.main = {name, content};
        else if (kind == "header")
            program.headers.push_back({name, content});
        else if (kind == "option")
            program.options.push_back(content);
        else
            return false;
        at = end + 1 + bytes + 1;
    }
    return true;
}
}
