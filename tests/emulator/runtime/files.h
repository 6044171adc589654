// Small files and folders.
#pragma once

#include <string>

namespace emulator
{
bool write_file(const std::string& path, const void* data, size_t bytes);
bool read_file(const std::string& path, std::string& text);
/// Writes beside the place and renames, so that no reader sees half a file.
bool replace_file(const std::string& path, const void* data, size_t bytes);
void make_folders(const std::string& path);

/// A folder of this process alone, removed at the end of its scope. Its path is "" if it cannot be made.
class PrivateFolder
{
public:
    PrivateFolder();
    ~PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};
}
