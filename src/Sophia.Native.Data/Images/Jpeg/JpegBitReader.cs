namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>
/// The bits of entropy-coded data, the highest of a byte first. A zero byte after 0xFF is dropped (T.81, B.1.1.5); another byte there is a marker, which ends the bits:
/// looking past them sees zeros, taking them is an error.
/// </summary>
internal ref struct JpegBitReader
{
    private readonly ReadOnlySpan<byte> _data;
    private ulong _buffer;
    private int _available;
    private int _padding;

    /// <param name="data">The whole file.</param>
    /// <param name="position">Where the entropy-coded data begins.</param>
    public JpegBitReader(ReadOnlySpan<byte> data, int position)
    {
        _data = data;
        Position = position;
    }

    /// <summary>The next byte not read yet: at the latest the marker that ends the bits.</summary>
    public int Position { get; private set; }

    /// <summary>The next bits without taking them, 1 to 16.</summary>
    public int Peek(int count)
    {
        if (_available < count) Fill();
        return (int)(_buffer >> (_available - count)) & ((1 << count) - 1);
    }

    /// <summary>Takes bits that were looked at.</summary>
    /// <exception cref="InvalidDataException">There were not so many.</exception>
    public void Skip(int count)
    {
        _available -= count;
        if (_available < _padding) throw new InvalidDataException("expected more image data in the JPEG, found its end: the file is cut off or broken.");
    }

    /// <summary>Takes bits, 0 to 16.</summary>
    public int Read(int count)
    {
        if (count == 0) return 0;
        int value = Peek(count);
        Skip(count);
        return value;
    }

    /// <summary>Takes bits as a signed number: those that begin with 0 are negative (T.81, F.2.2.1).</summary>
    public int ReadSigned(int count)
    {
        int value = Read(count);
        return count == 0 || value >> (count - 1) != 0 ? value : value - (1 << count) + 1;
    }

    /// <summary>Drops what is left of the bits and goes to the marker after them, whose second byte it returns; -1 at the end of the file.</summary>
    public int TakeMarker()
    {
        _buffer = 0;
        _available = _padding = 0;
        while (Position + 1 < _data.Length && (_data[Position] != 0xFF || _data[Position + 1] is 0 or 0xFF)) Position++;
        if (Position + 1 >= _data.Length) return -1;
        Position += 2;
        return _data[Position - 1];
    }

    private void Fill()
    {
        while (_available <= 48)
        {
            int value = 0;
            bool ended = _padding > 0 || Position >= _data.Length;
            if (!ended)
            {
                value = _data[Position];
                if (value != 0xFF)
                {
                    Position++;
                }
                else
                {
                    int next = Position + 1;
                    while (next < _data.Length && _data[next] == 0xFF) next++;
                    ended = next >= _data.Length || _data[next] != 0;
                    if (!ended) Position = next + 1;
                }
            }

            if (ended)
            {
                value = 0;
                _padding += 8;
            }

            _buffer = (_buffer << 8) | (uint)value;
            _available += 8;
        }
    }
}
