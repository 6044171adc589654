using System.Text;
using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The tokenizer of the small world, in the format of Qwen2's: a byte-level BPE with the 256 bytes, the merges that make every word of the world
/// one token, and the control tokens of Qwen2.5 and InternVL. Any text can be encoded, and the text of the world is short. The same on every machine.
/// </summary>
internal static class QuickstartTokenizer
{
    /// <summary>The pieces into which the Qwen2 pre-splitter cuts the texts of the world; each is one token. Words stand with and without the space before them.</summary>
    public static IReadOnlyList<string> Pieces { get; } = ListPieces();

    /// <summary>Trains the tokenizer.</summary>
    public static Qwen2Tokenizer Create()
    {
        List<(string Left, string Right)> merges = BytePairTrainer.Train(Pieces.Select(ToByteAlphabet));

        // Bytes in the order of GPT-2 and Qwen2, those that stand for themselves first; then the merges by rank. Two merges may make the same token.
        IEnumerable<string> bytes = Enumerable.Range(0, 256).Select(value => ByteAlphabet.ToCharacter((byte)value)).Order().Select(symbol => symbol.ToString());
        var vocabulary = new Dictionary<string, int>();
        foreach (string token in bytes.Concat(merges.Select(pair => pair.Left + pair.Right))) vocabulary.TryAdd(token, vocabulary.Count);
        return Qwen2Tokenizer.Create(vocabulary, merges).WithInternVLTokens();
    }

    /// <summary>Trains the tokenizer and writes vocab.json, merges.txt, added_tokens.json, special_tokens_map.json and tokenizer_config.json.</summary>
    /// <param name="folder">Where to; made if absent. Files of these names are replaced.</param>
    public static void Write(string folder) => Create().Save(folder);

    private static string[] ListPieces()
    {
        string[] words = [.. WorldLanguage.OtherWords, .. WorldLanguage.Cells, .. WorldLanguage.Sizes, .. WorldLanguage.Colors, .. WorldLanguage.Shapes, .. WorldLanguage.Numbers];
        return
        [
            .. words, .. words.Select(word => " " + word),
            "system", "user", "assistant", WorldLanguage.PlainSystemMessage, WorldLanguage.SlowSystemMessage,
            "<think", " </", " \\", "boxed", " }.", " +", " =",
            .. ".,:;?+=>\\{\n".Select(sign => sign.ToString()),
        ];
    }

    private static string ToByteAlphabet(string piece) => string.Concat(Encoding.UTF8.GetBytes(piece).Select(ByteAlphabet.ToCharacter));
}
