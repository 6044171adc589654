namespace Sophia.Native.Data.Records;

/// <summary>
/// Splits a stream into lines of bytes, knowing where each begins and whether it ended with a line feed (an append-only file that was cut in the
/// middle of a write ends without one).
/// </summary>
internal sealed class Utf8LineReader(Stream stream, int longestLine = Utf8LineReader.DefaultLongestLine)
{
    /// <summary>No record is near 256 MiB; a longer line is a file of another kind and must not fill the memory.</summary>
    public const int DefaultLongestLine = 256 << 20;

    private byte[] _buffer = new byte[64 << 10];
    private int _begin;
    private int _end;
    private bool _streamEnded;

    /// <summary>Position in the stream of the first byte of the line last read.</summary>
    public long Offset { get; private set; }

    /// <summary>Position behind the line last read and its line feed.</summary>
    public long NextOffset { get; private set; }

    /// <summary>Whether the line last read ended with a line feed.</summary>
    public bool Terminated { get; private set; }

    /// <summary>Reads a line without its line feed; the span is valid until the next call. False at the end.</summary>
    /// <exception cref="InvalidDataException">The line is longer than allowed.</exception>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int scanned = 0;
        while (true)
        {
            int found = _buffer.AsSpan(_begin + scanned, _end - _begin - scanned).IndexOf((byte)'\n');
            if (found >= 0)
            {
                Take(scanned + found, 1, out line);
                return true;
            }

            scanned = _end - _begin;
            if (_streamEnded)
            {
                if (scanned == 0)
                {
                    line = default;
                    return false;
                }

                Take(scanned, 0, out line);
                return true;
            }

            if (scanned > longestLine)
                throw new InvalidDataException($"expected a line of at most {longestLine} bytes, found a longer one");
            Fill();
        }
    }

    private void Take(int length, int lineFeed, out ReadOnlySpan<byte> line)
    {
        line = _buffer.AsSpan(_begin, length);
        Offset = NextOffset;
        NextOffset += length + lineFeed;
        Terminated = lineFeed == 1;
        _begin += length + lineFeed;
    }

    private void Fill()
    {
        if (_begin > 0)
        {
            _buffer.AsSpan(_begin, _end - _begin).CopyTo(_buffer);
            _end -= _begin;
            _begin = 0;
        }

        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _streamEnded = read == 0;
    }
}
