using System.Runtime.InteropServices;

namespace Sophia.Native.Models.Files;

/// <summary>
/// Files that appear whole or not at all: written under a temporary name in the same folder, flushed to the disk, renamed over the target,
/// and the folder flushed so that the new name survives a power loss too.
/// </summary>
public static partial class AtomicFile
{
    /// <summary>Writes a file through a stream. If <paramref name="write"/> throws, the target stays as it was and the temporary file is removed.</summary>
    /// <param name="path">The target; an existing file is replaced. Its folder is created where missing.</param>
    /// <param name="write">Writes the content.</param>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var temporary = TemporaryName(path);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            Replace(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Flushes a folder's entries to the disk, after which files renamed or created in it are found after a power loss. Does nothing on Windows, where a folder cannot be flushed.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Open(folder, 0);
        if (descriptor < 0) throw new IOException($"{folder}: cannot be opened to be flushed (error {Marshal.GetLastPInvokeError()}).");
        try
        {
            const int InvalidArgument = 22; // a file system that does not know how to flush a folder
            if (Flush(descriptor) != 0 && Marshal.GetLastPInvokeError() is var error and not InvalidArgument)
                throw new IOException($"{folder}: cannot be flushed (error {error}).");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>A name beside the target that no other writer uses; creates the folder.</summary>
    internal static string TemporaryName(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return $"{full}.{Environment.ProcessId:x}-{Guid.NewGuid():n}.tmp";
    }

    /// <summary>Moves a flushed temporary file over its target.</summary>
    internal static void Replace(string temporary, string path)
    {
        var full = Path.GetFullPath(path);
        File.Move(temporary, full, overwrite: true);
        FlushFolder(Path.GetDirectoryName(full)!);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
