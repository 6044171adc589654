#include "dump.h"

#include "files.h"
#include "memory.h"
#include "options.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sstream>
#include <unistd.h>

namespace emulator
{
namespace
{
/// Pages of zeros are left out, so that a large arena that is mostly untouched stays small on disk.
bool write_sparse(const std::string& path, const unsigned char* data, size_t bytes)
{
    constexpr size_t STEP = 4096;
    int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    static const unsigned char zeros[STEP] = {};
    bool good = ftruncate(file, static_cast<off_t>(bytes)) == 0;
    for (size_t at = 0; at < bytes && good; at += STEP)
    {
        size_t count = std::min(STEP, bytes - at);
        if (std::memcmp(data + at, zeros, count) != 0)
            good = pwrite(file, data + at, count, static_cast<off_t>(at)) == static_cast<ssize_t>(count);
    }
    close(file);
    return good;
}
}

void dump_launch(const std::string& folder, const Function& function, const Launch& launch)
{
    static std::atomic<unsigned> number{0};
    char name[32];
    std::snprintf(name, sizeof name, "%06u-", number++);
    // Under another name until all is written.
    std::string final_path = folder + "/" + name + function.kernel->name, path = folder + "/." + name + std::to_string(getpid());
    make_folders(path);
    const EmulatorModule& module = *function.module->description;
    bool good = write_file(path + "/program", module.program, module.program_bytes);
    std::ostringstream text;
    text << "kernel " << function.kernel->name << "\ngrid " << launch.grid.x << " " << launch.grid.y << " " << launch.grid.z << "\nblock " << launch.block.x << " " << launch.block.y << " " << launch.block.z << "\nshared "
         << launch.dynamic_shared << "\n";
    std::set<const Allocation*> allocations;
    for (int i = 0; i < function.kernel->parameter_count; i++)
    {
        const EmulatorParameter& parameter = function.kernel->parameters[i];
        const unsigned char* bytes = static_cast<const unsigned char*>(launch.parameters[i]);
        text << "parameter ";
        for (unsigned b = 0; b < parameter.size; b++)
        {
            char hexadecimal[3];
            std::snprintf(hexadecimal, sizeof hexadecimal, "%02x", bytes[b]);
            text << hexadecimal;
        }
        text << "\n";
        if (parameter.is_pointer == 0)
            continue;
        uintptr_t address;
        std::memcpy(&address, bytes, sizeof address);
        for (Memory* memory : {launch.device_memory, launch.host_memory})
            if (const Allocation* allocation = memory->holds(address) ? memory->at(address) : nullptr; allocation != nullptr && allocation->live)
                allocations.insert(allocation);
    }
    int index = 0;
    for (const Allocation* allocation : allocations)
    {
        std::string file = "memory-" + std::to_string(index++);
        text << "allocation " << allocation->base << " " << allocation->size << " " << file << "\n";
        good = good && write_sparse(path + "/" + file, reinterpret_cast<const unsigned char*>(allocation->base), allocation->size);
    }
    std::string content = text.str();
    good = good && write_file(path + "/launch", content.data(), content.size()) && std::rename(path.c_str(), final_path.c_str()) == 0;
    if (!good)
        report("the launch of " + std::string(function.kernel->name) + " cannot be written to " + final_path);
}

bool read_dump(const std::string& folder, DumpedLaunch& launch, std::string& program_record)
{
    std::string content;
    if (!read_file(folder + "/program", program_record) || !read_file(folder + "/launch", content))
        return false;
    std::istringstream lines(content);
    std::string line;
    while (std::getline(lines, line))
    {
        std::istringstream words(line);
        std::string kind, text;
        words >> kind;
        if (kind == "kernel")
            words >> launch.kernel;
        else if (kind == "grid")
            words >> launch.grid.x >> launch.grid.y >> launch.grid.z;
        else if (kind == "block")
            words >> launch.block.x >> launch.block.y >> launch.block.z;
        else if (kind == "shared")
            words >> launch.dynamic_shared;
        else if (kind == "parameter")
        {
            words >> text;
            std::vector<unsigned char> bytes;
            for (size_t i = 0; i + 1 < text.size(); i += 2)
                bytes.push_back(static_cast<unsigned char>(std::stoi(text.substr(i, 2), nullptr, 16)));
            launch.parameters.push_back(bytes);
        }
        else if (kind == "allocation")
        {
            DumpedAllocation allocation;
            words >> allocation.base >> allocation.bytes >> allocation.file;
            launch.allocations.push_back(allocation);
        }
        else
            return false;
        if (words.fail())
            return false;
    }
    return !launch.kernel.empty();
}
}
