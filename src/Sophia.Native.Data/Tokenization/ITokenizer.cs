namespace Sophia.Native.Data.Tokenization;

/// <summary>Turns text into token ids and back. Implementations may be used from several threads at once.</summary>
public interface ITokenizer
{
    /// <summary>The largest id plus one: the number of rows an embedding table needs. Ids below it may be unused.</summary>
    int VocabularySize { get; }

    /// <summary>Appends the ids of a text. Nothing is added before or after it.</summary>
    /// <param name="text">The text; lone surrogates count as U+FFFD.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <param name="splitAddedTokens">True if the text of an added token becomes its id; false treats it as ordinary text, so that a user's text cannot smuggle one in.</param>
    void Encode(ReadOnlySpan<char> text, List<int> ids, bool splitAddedTokens = true);

    /// <summary>The text of ids. Bytes that are not UTF-8, and ids that stand for no token, become U+FFFD.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">True to leave special tokens out.</param>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false);

    /// <summary>True if the id stands for a token.</summary>
    bool Contains(int id);

    /// <summary>True if the id stands for a special token.</summary>
    bool IsSpecial(int id);

    /// <summary>The bytes a token stands for, which need not be whole characters; the UTF-8 of U+FFFD if the id stands for no token.</summary>
    ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>The id of a token as the tokenizer's files write it; null if there is none.</summary>
    int? TokenToId(string token);

    /// <summary>A token as the tokenizer's files write it; null if the id stands for none.</summary>
    string? IdToToken(int id);

    /// <summary>The token a sequence begins with; null if it begins with its text. <see cref="Encode(ReadOnlySpan{char}, List{int}, bool)"/> does not put it there, the chat format does.</summary>
    int? BeginOfSequenceId => null;

    /// <summary>The token that ends a text; null if there is none.</summary>
    int? EndOfTextId => TokenToId(InternVLTokens.EndOfText);

    /// <summary>Whether a text between added tokens gets a space before it, which decoding takes from the beginning of a text.</summary>
    bool AddsLeadingSpace => false;

    /// <summary>Appends the ids of a text that goes on where another ended, such as an answer behind the words that ask for it: without the leading space of a new text.</summary>
    /// <param name="text">The text; lone surrogates count as U+FFFD.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <param name="splitAddedTokens">True if the text of an added token becomes its id.</param>
    void EncodeContinuation(ReadOnlySpan<char> text, List<int> ids, bool splitAddedTokens = true) => Encode(text, ids, splitAddedTokens);

    /// <summary>This tokenizer with those tokens of the chat format and of InternVL that it lacks; itself if it lacks none.</summary>
    ITokenizer WithInternVLTokens();

    /// <summary>Writes the files of a tokenizer folder, from which <see cref="TokenizerFolder.Load"/> makes an equal tokenizer.</summary>
    /// <param name="folder">The folder; made if it does not exist. Files of the same names are replaced.</param>
    void Save(string folder);

    /// <summary>The ids of a text.</summary>
    /// <param name="text">The text; lone surrogates count as U+FFFD.</param>
    /// <param name="splitAddedTokens">True if the text of an added token becomes its id.</param>
    int[] Encode(string text, bool splitAddedTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 3 + 4);
        Encode(text, ids, splitAddedTokens);
        return [.. ids];
    }
}
