using System.Runtime.InteropServices;
using System.Text;

namespace Sophia.Native.Data.Records;

/// <summary>
/// Writes a file so that under its name there is, at every moment and after a crash, either the former file or the whole new one: a temporary file
/// beside it is written, flushed to the disk and renamed, and the folder is flushed too, since a rename lives there.
/// </summary>
public sealed partial class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporaryPath;
    private FileStream? _stream;

    private AtomicFile(string path)
    {
        _path = Path.GetFullPath(path);
        if (Directory.Exists(_path)) throw new IOException($"{path}: expected a file name to write to, found a folder");
        string folder = Path.GetDirectoryName(_path) ?? throw new ArgumentException($"'{path}' names no file.", nameof(path));
        Directory.CreateDirectory(folder);
        _temporaryPath = Path.Combine(folder, $".{Path.GetFileName(_path)}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp");
        _stream = new FileStream(_temporaryPath, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
    }

    /// <summary>Where the content goes; it counts only after <see cref="Commit"/>.</summary>
    public Stream Stream => _stream ?? throw new ObjectDisposedException(nameof(AtomicFile));

    /// <summary>Begins a file. Folders on the way are created.</summary>
    /// <param name="path">The final name.</param>
    public static AtomicFile Create(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new AtomicFile(path);
    }

    /// <summary>Writes a whole file; if <paramref name="write"/> throws, nothing changes.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        using AtomicFile file = Create(path);
        write(file.Stream);
        file.Commit();
    }

    /// <summary>Writes a text as UTF-8 without a byte order mark.</summary>
    public static void WriteAllText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes records as JSON lines, their relative paths relative to the folder of the file.</summary>
    public static void WriteRecords(string path, IEnumerable<DataRecord> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Write(path, stream =>
        {
            using JsonLinesWriter lines = new(stream);
            foreach (DataRecord record in records) lines.Write(record, folder);
        });
    }

    /// <summary>Makes the content the file: flush, rename, flush of the folder.</summary>
    public void Commit()
    {
        FileStream stream = _stream ?? throw new ObjectDisposedException(nameof(AtomicFile));
        stream.Flush(flushToDisk: true);
        stream.Dispose();
        File.Move(_temporaryPath, _path, overwrite: true);
        _stream = null;
        FlushFolder(Path.GetDirectoryName(_path)!);
    }

    /// <summary>Removes the temporary file if it was not committed.</summary>
    public void Dispose()
    {
        if (_stream is null) return;
        _stream.Dispose();
        _stream = null;
        File.Delete(_temporaryPath);
    }

    /// <summary>Flushes the entries of a folder to the disk, so that files created or renamed in it survive a power cut. On Windows nothing is to be done.</summary>
    /// <exception cref="IOException">The system refuses.</exception>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = OpenFolder(folder, 0);
        if (descriptor < 0) throw new IOException($"{folder}: expected a folder that can be opened, found error {Marshal.GetLastPInvokeError()} of open");
        try
        {
            // File systems without a flush of folders say so with EINVAL (22); there is nothing more that could be done on them.
            if (FlushDescriptor(descriptor) != 0 && Marshal.GetLastPInvokeError() is not 22 and int error)
                throw new IOException($"{folder}: expected the folder to reach the disk, found error {error} of fsync");
        }
        finally
        {
            _ = CloseDescriptor(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FlushDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseDescriptor(int descriptor);
}
