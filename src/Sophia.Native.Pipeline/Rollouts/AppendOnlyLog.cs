using Microsoft.Win32.SafeHandles;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>
/// A JSON lines file that only grows. A batch is one write at the end followed by a flush to the disk, so a crash leaves whole lines and at most one
/// torn line behind them: opening for writing cuts it, opening for reading leaves it out. Anything else that is broken is an error.
/// </summary>
internal sealed class AppendOnlyLog : IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private long _length;

    /// <summary>Opens the file and shows every line with its offset to <paramref name="visit"/>.</summary>
    public AppendOnlyLog(string path, bool write, Action<JsonLine, long> visit)
    {
        _path = path;
        _handle = File.OpenHandle(path, write ? FileMode.OpenOrCreate : FileMode.Open, write ? FileAccess.ReadWrite : FileAccess.Read, FileShare.ReadWrite);
        try
        {
            _length = Recover(visit);
            if (write && RandomAccess.GetLength(_handle) > _length)
            {
                RandomAccess.SetLength(_handle, _length);
                RandomAccess.FlushToDisk(_handle);
            }
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>Length of the whole lines.</summary>
    public long Length => _length;

    /// <summary>Appends whole lines and flushes them to the disk; returns the offset of the first. If it fails, the file is as before.</summary>
    public long Append(ReadOnlySpan<byte> lines)
    {
        long begin = _length;
        try
        {
            RandomAccess.Write(_handle, lines, begin);
            RandomAccess.FlushToDisk(_handle);
        }
        catch (IOException)
        {
            // A full disk took a part: it must not stand before what a later batch appends.
            RandomAccess.SetLength(_handle, begin);
            throw;
        }

        _length = begin + lines.Length;
        return begin;
    }

    /// <summary>Reads the line at an offset that <see cref="Append"/> or the opening gave.</summary>
    public JsonLine Read(long offset)
    {
        byte[] buffer = new byte[4096];
        int filled = 0;
        while (true)
        {
            int read = RandomAccess.Read(_handle, buffer.AsSpan(filled), offset + filled);
            if (read == 0) throw new InvalidDataException($"{_path}: expected a whole line at byte {offset}, found the end of the file; something else has cut it");
            int end = buffer.AsSpan(filled, read).IndexOf((byte)'\n');
            // It was parsed before, so an error here means that somebody changed the file meanwhile: the byte says where.
            if (end >= 0) return JsonLine.Parse($"{_path} at byte {offset}", 1, buffer.AsSpan(0, filled + end));
            filled += read;
            if (filled == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    public void Dispose() => _handle.Dispose();

    private long Recover(Action<JsonLine, long> visit)
    {
        using FileStream stream = new(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16, FileOptions.SequentialScan);
        Utf8LineReader reader = new(stream);
        int number = 0;
        while (reader.TryRead(out ReadOnlySpan<byte> bytes))
        {
            number++;
            if (!reader.Terminated) return reader.Offset;
            visit(JsonLine.Parse(_path, number, bytes), reader.Offset);
        }

        return reader.NextOffset;
    }
}
