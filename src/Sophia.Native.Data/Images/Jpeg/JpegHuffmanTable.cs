namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>A Huffman table of a JPEG file (ITU-T T.81, annexes C and F.2.2.3): codes of up to 9 bits by one look-up, longer ones by their limits.</summary>
internal sealed class JpegHuffmanTable
{
    public const int LookupBits = 9;
    private const int LongestCode = 16;

    // Length and symbol of the code that begins with these bits; length 0 if it is longer than the look-up.
    private readonly (byte Length, byte Symbol)[] _lookup = new (byte, byte)[1 << LookupBits];

    // For each length the first code beyond those of that length, shifted left to 16 bits, and what to add to a code to find its symbol.
    private readonly int[] _limits = new int[LongestCode + 2];
    private readonly int[] _offsets = new int[LongestCode + 1];
    private readonly byte[] _symbols;

    /// <param name="counts">How many codes there are of 1, 2, ..., 16 bits.</param>
    /// <param name="symbols">The symbols in the order of their codes.</param>
    /// <exception cref="InvalidDataException">The codes do not fit into their lengths.</exception>
    public JpegHuffmanTable(ReadOnlySpan<byte> counts, ReadOnlySpan<byte> symbols)
    {
        _symbols = symbols.ToArray();
        int code = 0, index = 0;
        for (int length = 1; length <= LongestCode; length++)
        {
            int count = counts[length - 1];
            if (code + count > 1 << length) throw new InvalidDataException($"expected a JPEG Huffman table with at most {(1 << length) - code} codes of {length} bits, found {count}.");
            _offsets[length] = index - code;
            for (int i = 0; i < count; i++, code++, index++)
            {
                if (length > LookupBits) continue;
                int first = code << (LookupBits - length);
                _lookup.AsSpan(first, 1 << (LookupBits - length)).Fill(((byte)length, _symbols[index]));
            }

            _limits[length] = code << (LongestCode - length);
            code <<= 1;
        }

        _limits[LongestCode + 1] = int.MaxValue;
    }

    /// <summary>Takes a symbol from the bits.</summary>
    /// <exception cref="InvalidDataException">The bits are no code of the table, or there are no more.</exception>
    public int Decode(ref JpegBitReader bits)
    {
        int next = bits.Peek(LongestCode);
        (byte length, byte symbol) = _lookup[next >> (LongestCode - LookupBits)];
        if (length != 0)
        {
            bits.Skip(length);
            return symbol;
        }

        int codeLength = LookupBits + 1;
        while (next >= _limits[codeLength]) codeLength++;
        if (codeLength > LongestCode) throw new InvalidDataException("expected a Huffman code of the JPEG's tables, found other bits: the file is broken.");
        bits.Skip(codeLength);
        return _symbols[(next >> (LongestCode - codeLength)) + _offsets[codeLength]];
    }
}
