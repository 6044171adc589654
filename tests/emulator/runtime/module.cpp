#include "module.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace emulator
{
namespace
{
constexpr size_t LARGEST_IMAGE = size_t(256) << 20;
// The unused bytes of the ELF identification hold the checksum; the loader wants them 0.
constexpr size_t PADDING = EI_PAD, PADDING_BYTES = EI_NIDENT - EI_PAD;

/// Reads this process's own memory without faulting where none is mapped (a truncated image).
bool copy_from(const void* address, void* target, size_t bytes)
{
    iovec local{target, bytes}, remote{const_cast<void*>(address), bytes};
    ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (copied < 0 && (errno == ENOSYS || errno == EPERM))
    {
        // A sandbox without that call: trust the address.
        std::memcpy(target, address, bytes);
        return true;
    }
    return copied == static_cast<ssize_t>(bytes);
}

void seal_of(const unsigned char* image, size_t bytes, unsigned char (&seal)[PADDING_BYTES])
{
    unsigned char ident[EI_NIDENT];
    std::memcpy(ident, image, EI_NIDENT);
    std::memset(ident + PADDING, 0, PADDING_BYTES);
    uint64_t sum = checksum(image + EI_NIDENT, bytes - EI_NIDENT, checksum(ident, EI_NIDENT));
    for (size_t i = 0; i < PADDING_BYTES; i++)
        seal[i] = static_cast<unsigned char>(sum >> (8 * i));
}

int hexadecimal(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

std::vector<unsigned char> read_library(const void* address)
{
    Elf64_Ehdr header;
    if (!copy_from(address, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_shentsize != sizeof(Elf64_Shdr))
        return {};
    // The section table is the last thing in the file.
    uint64_t bytes = header.e_shoff + static_cast<uint64_t>(header.e_shnum) * header.e_shentsize;
    if (bytes <= sizeof header || bytes > LARGEST_IMAGE)
        return {};
    std::vector<unsigned char> image(bytes);
    unsigned char seal[PADDING_BYTES];
    if (!copy_from(address, image.data(), bytes))
        return {};
    seal_of(image.data(), image.size(), seal);
    if (std::memcmp(seal, image.data() + PADDING, PADDING_BYTES) != 0)
        return {};
    return image;
}

std::vector<unsigned char> read_text(const char* text)
{
    // Terminated by 0; a damaged one ends early, which the checksum shows.
    const char* mark = std::strstr(text, "// image ");
    if (mark == nullptr)
        return {};
    size_t bytes = std::strtoull(mark + 9, nullptr, 10);
    if (bytes > LARGEST_IMAGE || (mark = std::strchr(mark, '\n')) == nullptr)
        return {};
    std::vector<unsigned char> image;
    image.reserve(bytes);
    for (const char* c = mark; *c != 0 && image.size() < bytes;)
    {
        int high = hexadecimal(c[0]), low = high < 0 ? -1 : hexadecimal(c[1]);
        if (low < 0)
        {
            c++;
            continue;
        }
        image.push_back(static_cast<unsigned char>(high * 16 + low));
        c += 2;
    }
    return image.size() == bytes && bytes > sizeof(Elf64_Ehdr) ? read_library(image.data()) : std::vector<unsigned char>{};
}
}

uint64_t checksum(const void* data, size_t bytes, uint64_t start)
{
    uint64_t sum = start;
    for (const unsigned char* p = static_cast<const unsigned char*>(data); bytes-- > 0; p++)
        sum = (sum ^ *p) * 1099511628211ull;
    return sum;
}

void seal_image(std::vector<unsigned char>& image)
{
    unsigned char seal[PADDING_BYTES];
    seal_of(image.data(), image.size(), seal);
    std::memcpy(image.data() + PADDING, seal, PADDING_BYTES);
}

std::vector<unsigned char> read_image(const void* address)
{
    char start[4];
    if (address == nullptr || !copy_from(address, start, sizeof start))
        return {};
    if (std::memcmp(start, ELFMAG, SELFMAG) == 0)
        return read_library(address);
    return start[0] == '/' || start[0] == '.' ? read_text(static_cast<const char*>(address)) : std::vector<unsigned char>{};
}

std::string image_as_text(const std::vector<unsigned char>& image, const std::string& architecture)
{
    std::string text = "//\n// A host library as text, which the emulator of tests/emulator alone can load.\n//\n.version 8.4\n.target " + architecture + "\n.address_size 64\n// image " +
                       std::to_string(image.size()) + "\n";
    const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < image.size(); i++)
    {
        if (i % 64 == 0)
            text += i == 0 ? "// " : "\n// ";
        text += digits[image[i] >> 4];
        text += digits[image[i] & 15];
    }
    return text + "\n";
}

unsigned Function::parameter_bytes() const
{
    if (kernel->parameter_count == 0)
        return 0;
    const EmulatorParameter& last = kernel->parameters[kernel->parameter_count - 1];
    return last.offset + last.size;
}

Module::~Module()
{
    if (library != nullptr)
        dlclose(library);
    if (file >= 0)
        close(file);
}

std::unique_ptr<Module> open_module(const std::vector<unsigned char>& sealed, std::string& why)
{
    std::vector<unsigned char> image = sealed;
    std::memset(image.data() + PADDING, 0, PADDING_BYTES);
    auto module = std::make_unique<Module>();
    module->file = memfd_create("sophia-kernels", MFD_CLOEXEC);
    if (module->file < 0)
    {
        why = "memfd_create failed";
        return nullptr;
    }
    for (size_t done = 0; done < image.size();)
    {
        ssize_t written = write(module->file, image.data() + done, image.size() - done);
        if (written <= 0)
        {
            why = "the image cannot be written to memory";
            return nullptr;
        }
        done += static_cast<size_t>(written);
    }
    // The file stays open: its number is the library's name, which must not come back while the library is loaded.
    module->code.file = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(module->file);
    module->library = dlopen(module->code.file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module->library == nullptr)
    {
        const char* error = dlerror();
        why = error == nullptr ? "dlopen failed" : error;
        return nullptr;
    }
    module->description = static_cast<const EmulatorModule*>(dlsym(module->library, "emulator_module"));
    link_map* map = nullptr;
    if (module->description == nullptr || module->description->environment != kernel_environment() || dlinfo(module->library, RTLD_DI_LINKMAP, &map) != 0)
    {
        why = "the image is of another version of the emulator or another processor";
        return nullptr;
    }
    module->code.base = map->l_addr;
    for (const Elf64_Phdr* header = reinterpret_cast<const Elf64_Phdr*>(image.data() + reinterpret_cast<const Elf64_Ehdr*>(image.data())->e_phoff), *end =
             header + reinterpret_cast<const Elf64_Ehdr*>(image.data())->e_phnum;
         header < end; header++)
        if (header->p_type == PT_LOAD)
            module->code.end = std::max<uintptr_t>(module->code.end, map->l_addr + header->p_vaddr + header->p_memsz);
    for (int i = 0; i < module->description->kernel_count; i++)
    {
        auto function = std::make_unique<Function>();
        function->module = module.get();
        function->kernel = &module->description->kernels[i];
        module->functions[function->kernel->name] = std::move(function);
    }
    return module;
}
}
