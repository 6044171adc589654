namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// Opens the tokenizer of a folder, whichever kind its files say: tokenizer.model is SentencePiece's (InternLM2.5); vocab.json with merges.txt, or else tokenizer.json, is Qwen2's.
/// Where several are there the first in this order is read: the published models were trained with it, and tokenizer.json is made from it.
/// </summary>
public static class TokenizerFolder
{
    internal const string Expectation = "a tokenizer folder needs vocab.json and merges.txt, or tokenizer.model, or tokenizer.json";

    /// <summary>Whether a folder has the files of a tokenizer.</summary>
    public static bool Exists(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return Array.Exists([SentencePieceTokenizerFiles.ModelFile, Qwen2TokenizerFiles.VocabularyFile, FastTokenizerFile.Name], name => File.Exists(Path.Combine(folder, name)));
    }

    /// <summary>Reads the tokenizer of a folder.</summary>
    /// <exception cref="InvalidDataException">There is none, or a file is broken, contradicts another or is not understood; the message begins with its path.</exception>
    public static ITokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new InvalidDataException($"{folder}: expected a tokenizer folder, found no such folder: {Expectation}.");
        if (File.Exists(Path.Combine(folder, SentencePieceTokenizerFiles.ModelFile))) return SentencePieceTokenizer.Load(folder);
        return Qwen2Tokenizer.Load(folder);
    }

    /// <summary>Reads the tokenizer of a folder and adds those tokens of the chat format and of InternVL that it lacks.</summary>
    /// <exception cref="InvalidDataException">There is none, or a file is broken, contradicts another or is not understood; the message begins with its path.</exception>
    public static ITokenizer LoadWithInternVLTokens(string folder) => Load(folder).WithInternVLTokens();
}
