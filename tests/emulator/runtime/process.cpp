#include "process.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace emulator
{
int run_process(const std::vector<std::string>& arguments, const std::string& folder, std::string& output)
{
    output.clear();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    if (!folder.empty())
        posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    // The host program may block or ignore signals; the child starts with none of that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    // The same messages everywhere.
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; entry++)
        if (std::strncmp(*entry, "LC_", 3) != 0 && std::strncmp(*entry, "LANG", 4) != 0)
            environment.push_back(*entry);
    char locale[] = "LC_ALL=C";
    environment.push_back(locale);
    environment.push_back(nullptr);
    pid_t child = 0;
    int error = posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (error != 0)
    {
        close(ends[0]);
        output = arguments[0] + ": " + std::strerror(error);
        return -1;
    }
    char buffer[4096];
    for (;;)
    {
        ssize_t count = read(ends[0], buffer, sizeof buffer);
        if (count > 0)
            output.append(buffer, static_cast<size_t>(count));
        else if (count == 0 || errno != EINTR)
            break;
    }
    close(ends[0]);
    int status = 0;
    pid_t waited;
    while ((waited = waitpid(child, &status, 0)) < 0 && errno == EINTR)
    {
    }
    // Another part of the host program may have reaped the child; what it wrote then has to speak for itself.
    if (waited < 0)
        return 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
}
