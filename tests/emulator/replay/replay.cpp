// Runs dumped launches once more, natively, under AddressSanitizer and UndefinedBehaviorSanitizer: replay FOLDER... where a folder is a launch or holds launches.
//
// Every allocation of the dump becomes one of malloc with exactly its bytes, so that a byte beside it is an error with the kernel's line; pointers among the parameters are moved there.
// Shared arrays lie in poisoned memory with gaps. Each launch runs in a process of its own. A pointer that lies inside device memory (an array of pointers) is not moved.
#include "../runtime/compiler.h"
#include "../runtime/dump.h"
#include "../runtime/files.h"
#include "../runtime/module.h"
#include "../runtime/options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" const char* __asan_default_options() { return "detect_leaks=0:abort_on_error=0:exitcode=99"; }
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1:halt_on_error=1:exitcode=99"; }

using namespace emulator;

namespace
{
void find_launches(const std::string& folder, std::vector<std::string>& found)
{
    if (access((folder + "/launch").c_str(), R_OK) == 0)
    {
        found.push_back(folder);
        return;
    }
    if (DIR* open = opendir(folder.c_str()))
    {
        while (dirent* entry = readdir(open))
            if (entry->d_name[0] != '.')
                find_launches(folder + "/" + entry->d_name, found);
        closedir(open);
    }
}

/// 0 when the launch ran clean, 1 when it did not, 2 when it could not be run.
int replay(const std::string& folder)
{
    DumpedLaunch dumped;
    std::string record, log, why;
    Program program;
    ProgramOptions options;
    std::vector<unsigned char> image;
    if (!read_dump(folder, dumped, record) || !read_record(record, program) || !read_options(program.options, options, why))
    {
        std::printf("%s: not a dumped launch\n", folder.c_str());
        return 2;
    }
    if (compile_kernels(program, options, Flavor::Sanitized, image, log) != CompileResult::Done)
    {
        std::printf("%s: does not compile\n%s\n", folder.c_str(), log.c_str());
        return 2;
    }
    std::unique_ptr<Module> module = open_module(image, why);
    auto found = module == nullptr ? decltype(module->functions.end()){} : module->functions.find(dumped.kernel);
    if (module == nullptr || found == module->functions.end())
    {
        std::printf("%s: cannot be loaded: %s\n", folder.c_str(), why.c_str());
        return 2;
    }
    std::vector<unsigned char*> memory;
    for (const DumpedAllocation& allocation : dumped.allocations)
    {
        std::string content;
        void* place = nullptr;
        if (!read_file(folder + "/" + allocation.file, content) || content.size() != allocation.bytes || posix_memalign(&place, 256, allocation.bytes) != 0)
        {
            std::printf("%s: %s is missing or too large\n", folder.c_str(), allocation.file.c_str());
            return 2;
        }
        std::memcpy(place, content.data(), content.size());
        memory.push_back(static_cast<unsigned char*>(place));
    }
    const EmulatorKernel& kernel = *found->second->kernel;
    std::vector<void*> parameters;
    for (size_t i = 0; i < dumped.parameters.size(); i++)
    {
        std::vector<unsigned char>& bytes = dumped.parameters[i];
        parameters.push_back(bytes.data());
        if (kernel.parameters[i].is_pointer == 0)
            continue;
        uintptr_t address;
        std::memcpy(&address, bytes.data(), sizeof address);
        for (size_t a = 0; a < memory.size(); a++)
            if (address - dumped.allocations[a].base < dumped.allocations[a].bytes)
            {
                address = reinterpret_cast<uintptr_t>(memory[a]) + (address - dumped.allocations[a].base);
                std::memcpy(bytes.data(), &address, sizeof address);
                break;
            }
    }
    Launch launch;
    launch.kernel = &kernel;
    launch.code = module->code;
    launch.grid = dumped.grid;
    launch.block = dumped.block;
    launch.dynamic_shared = dumped.dynamic_shared;
    launch.total_shared_limit = 232448;
    launch.parameters = parameters.data();
    launch.device_name = "the replay";
    execute(launch);
    if (launch.finding.error != 0)
    {
        std::printf("%s: %s\n", folder.c_str(), launch.finding.text.c_str());
        return 1;
    }
    return 0;
}
}

int main(int count, char** arguments)
{
    std::vector<std::string> folders;
    for (int i = 1; i < count; i++)
        find_launches(arguments[i], folders);
    std::sort(folders.begin(), folders.end());
    if (folders.empty())
    {
        std::printf("replay FOLDER...: no dumped launches there\n");
        return 2;
    }
    int wrong = 0;
    for (const std::string& folder : folders)
    {
        std::fflush(nullptr);
        pid_t child = fork();
        if (child == 0)
        {
            int result = replay(folder);
            std::fflush(nullptr);
            _exit(result);
        }
        int status = 0;
        waitpid(child, &status, 0);
        bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!clean)
        {
            wrong++;
            std::printf("WRONG: %s\n", folder.c_str());
        }
    }
    std::printf("%zu launches replayed, %d wrong\n", folders.size(), wrong);
    return wrong == 0 ? 0 : 1;
}
