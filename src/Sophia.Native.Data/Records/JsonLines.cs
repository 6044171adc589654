namespace Sophia.Native.Data.Records;

/// <summary>Reads JSON lines files: UTF-8 with or without a byte order mark, one object a line, empty lines skipped.</summary>
public static class JsonLines
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>Reads a file lazily; errors appear when the enumeration reaches them.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file does not exist, or a line is no JSON object; the message begins with <c>path:line:</c>.</exception>
    public static IEnumerable<JsonLine> Read(string path)
    {
        using FileStream stream = OpenForReading(path);
        foreach (JsonLine line in Read(stream, path)) yield return line;
    }

    /// <summary>Reads a stream lazily; it is not closed.</summary>
    /// <param name="stream">The text.</param>
    /// <param name="name">The name errors give the stream.</param>
    /// <exception cref="InvalidDataException">As for a file.</exception>
    public static IEnumerable<JsonLine> Read(Stream stream, string name)
    {
        Utf8LineReader reader = new(stream);
        for (int number = 1; TryReadLine(reader, name, number, out JsonLine line, out bool empty); number++)
        {
            if (!empty) yield return line;
        }
    }

    /// <summary>Opens a file that must exist, sharing it with a writer that appends.</summary>
    internal static FileStream OpenForReading(string path)
    {
        if (Directory.Exists(path)) throw new InvalidDataException($"{path}: expected a JSON lines file, found a folder");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"{path}: expected a JSON lines file, found nothing there", missing);
        }
    }

    private static bool TryReadLine(Utf8LineReader reader, string name, int number, out JsonLine line, out bool empty)
    {
        line = default;
        empty = false;
        ReadOnlySpan<byte> bytes;
        try
        {
            if (!reader.TryRead(out bytes)) return false;
        }
        catch (InvalidDataException tooLong)
        {
            throw new InvalidDataException($"{name}:{number}: {tooLong.Message}", tooLong);
        }

        if (number == 1 && bytes.StartsWith(ByteOrderMark)) bytes = bytes[ByteOrderMark.Length..];
        empty = IsBlank(bytes);
        if (!empty) line = JsonLine.Parse(name, number, bytes);
        return true;
    }

    internal static bool IsBlank(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept(" \t\r"u8) < 0;
}
