using System.Buffers;
using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// The byte alphabet of GPT-2's byte-level BPE: vocab.json and merges.txt write each byte as one visible character.
/// Bytes 33..126, 161..172 and 174..255 stand for themselves; the other 68 become U+0100, U+0101, ... in ascending order.
/// </summary>
internal static class ByteAlphabet
{
    private const int LastCharacter = 0x143;

    private static readonly char[] s_characters = new char[256];
    private static readonly short[] s_bytes = new short[LastCharacter + 1];

    static ByteAlphabet()
    {
        Array.Fill(s_bytes, (short)-1);
        int extra = 0x100;
        for (int value = 0; value < 256; value++)
        {
            bool visible = value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
            char character = visible ? (char)value : (char)extra++;
            s_characters[value] = character;
            s_bytes[character] = (short)value;
        }
    }

    /// <summary>The visible character of a byte.</summary>
    public static char ToCharacter(byte value) => s_characters[value];

    /// <summary>Writes the bytes a token of vocab.json stands for; a token with characters outside the alphabet stands for its own UTF-8.</summary>
    public static void Decode(string token, IBufferWriter<byte> bytes)
    {
        Span<byte> target = bytes.GetSpan(token.Length);
        for (int i = 0; i < token.Length; i++)
        {
            int value = token[i] <= LastCharacter ? s_bytes[token[i]] : -1;
            if (value < 0)
            {
                Encoding.UTF8.GetBytes(token, bytes);
                return;
            }

            target[i] = (byte)value;
        }

        bytes.Advance(token.Length);
    }
}
