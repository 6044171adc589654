#include "files.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace emulator
{
namespace
{
void remove_all(const std::string& folder)
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

bool replace_file(const std::string& path, const void* data, size_t bytes)
{
    static std::atomic<unsigned> number{0};
    std::string partial = path + "." + std::to_string(getpid()) + "." + std::to_string(number++) + ".tmp";
    if (write_file(partial, data, bytes) && std::rename(partial.c_str(), path.c_str()) == 0)
        return true;
    unlink(partial.c_str());
    return false;
}

void make_folders(const std::string& path)
{
    for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        mkdir(path.substr(0, slash).c_str(), 0777);
    mkdir(path.c_str(), 0777);
}

PrivateFolder::PrivateFolder()
{
    const char* temporary = std::getenv("TMPDIR");
    path_ = std::string(temporary == nullptr || *temporary == 0 ? "/tmp" : temporary) + "/sophia-emulator-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr)
        path_.clear();
}

PrivateFolder::~PrivateFolder()
{
    if (!path_.empty())
        remove_all(path_);
}
}
