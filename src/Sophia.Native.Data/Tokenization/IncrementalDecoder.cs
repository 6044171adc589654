using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// Decodes ids one at a time, as they are generated: each gives the text that is complete with it, and a character cut in two between tokens is held back until its last byte comes.
/// All texts together, <see cref="Flush"/> included, are those of <see cref="ITokenizer.Decode"/>. Not for use from several threads at once.
/// </summary>
public sealed class IncrementalDecoder
{
    private readonly ITokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly Decoder _decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetDecoder();
    private char[] _characters = new char[64];
    private bool _isAtBeginning = true;

    /// <summary>Makes a decoder at the beginning of a text.</summary>
    /// <param name="tokenizer">The tokenizer the ids belong to.</param>
    /// <param name="skipSpecialTokens">True to leave special tokens out.</param>
    public IncrementalDecoder(ITokenizer tokenizer, bool skipSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>Takes the next id.</summary>
    /// <returns>The newly completed text, often one word, empty while a character is incomplete.</returns>
    public string Append(int id) =>
        _skipSpecialTokens && _tokenizer.IsSpecial(id) ? "" : Convert(WithoutLeadingSpace(_tokenizer.TokenBytes(id)), flush: false);

    /// <summary>Ends the text.</summary>
    /// <returns>U+FFFD if an incomplete character was held back, else an empty text. The decoder is then at the beginning of a new text.</returns>
    public string Flush()
    {
        _isAtBeginning = true;
        return Convert([], flush: true);
    }

    private ReadOnlySpan<byte> WithoutLeadingSpace(ReadOnlySpan<byte> bytes)
    {
        bool takesSpace = _isAtBeginning && _tokenizer.AddsLeadingSpace && bytes.StartsWith(" "u8);
        _isAtBeginning &= bytes.IsEmpty;
        return takesSpace ? bytes[1..] : bytes;
    }

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int count = _decoder.GetCharCount(bytes, flush);
        if (count > _characters.Length) _characters = new char[count * 2];
        count = _decoder.GetChars(bytes, _characters, flush);
        return count == 0 ? "" : new string(_characters, 0, count);
    }
}
