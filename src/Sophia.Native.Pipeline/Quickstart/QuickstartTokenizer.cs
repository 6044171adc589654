using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The tokenizer of the small world, in the format of Qwen2's: a byte-level BPE in vocab.json and merges.txt, control tokens in added_tokens.json.
/// It holds the 256 bytes, the merges that make every word of the world one token, and the control tokens of Qwen2 and InternVL,
/// so any text can be encoded and the text of the world is short. The same files on every machine.
/// </summary>
public static class QuickstartTokenizer
{
    /// <summary>Qwen2's control tokens followed by InternVL's nine, in the order of their ids.</summary>
    public static IReadOnlyList<string> ControlTokens { get; } =
    [
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>",
        "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>",
        "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>",
    ];

    /// <summary>
    /// The pieces into which the Qwen2 pre-splitter cuts the texts of the world; each is one token. Words stand with and without the space before them.
    /// </summary>
    public static IReadOnlyList<string> Pieces { get; } = ListPieces();

    private static readonly List<(string Left, string Right)> Merges = BytePairTrainer.Train(Pieces.Select(ToByteAlphabet));

    /// <summary>Bytes in the order of GPT-2's alphabet, then the merges by rank; two merges may make the same token.</summary>
    private static readonly List<string> Tokens =
        [.. Enumerable.Range(0, 256).OrderBy(value => !IsPrintable(value)).ThenBy(value => value).Select(value => ByteSymbol(value).ToString()), .. Merges.Select(pair => pair.Left + pair.Right).Distinct()];

    /// <summary>Ids in use: bytes, merges and control tokens.</summary>
    public static int VocabularySize => Tokens.Count + ControlTokens.Count;

    /// <summary>Writes vocab.json, merges.txt, added_tokens.json, special_tokens_map.json and tokenizer_config.json into a folder, which is created if absent.</summary>
    /// <param name="folder">Where to; files of these names are replaced.</param>
    public static void Write(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        WriteJson(Path.Combine(folder, "vocab.json"), json => WriteIds(json, Tokens, 0));
        WriteJson(Path.Combine(folder, "added_tokens.json"), json => WriteIds(json, ControlTokens, Tokens.Count));
        AtomicFile.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n" + string.Concat(Merges.Select(pair => $"{pair.Left} {pair.Right}\n")));
        WriteJson(Path.Combine(folder, "special_tokens_map.json"), json =>
        {
            json.WriteStartObject();
            json.WriteString("eos_token", "<|im_end|>");
            json.WriteString("pad_token", "<|endoftext|>");
            json.WriteEndObject();
        });
        WriteJson(Path.Combine(folder, "tokenizer_config.json"), json => WriteConfiguration(json, Tokens.Count));
    }

    private static List<string> ListPieces()
    {
        string[] words = [.. WorldLanguage.OtherWords, .. WorldLanguage.Cells, .. WorldLanguage.Sizes, .. WorldLanguage.Colors, .. WorldLanguage.Shapes, .. WorldLanguage.Numbers];
        return
        [
            .. words, .. words.Select(word => " " + word),
            "system", "user", "assistant", WorldLanguage.PlainSystemMessage, WorldLanguage.SlowSystemMessage,
            "<think", " </", " \\", "boxed", " }.", " +", " =",
            .. ".,:;?>\\{\n".Select(sign => sign.ToString()),
        ];
    }

    private static string ToByteAlphabet(string piece) => string.Concat(Encoding.UTF8.GetBytes(piece).Select(value => ByteSymbol(value)));

    /// <summary>GPT-2's alphabet: printable bytes of Latin-1 stand for themselves, the others, in order, for the characters from U+0100 on.</summary>
    private static char ByteSymbol(int value) => IsPrintable(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(lower => !IsPrintable(lower)));

    private static bool IsPrintable(int value) => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);

    private static void WriteIds(Utf8JsonWriter json, IReadOnlyList<string> tokens, int first)
    {
        json.WriteStartObject();
        for (int i = 0; i < tokens.Count; i++) json.WriteNumber(tokens[i], first + i);
        json.WriteEndObject();
    }

    private static void WriteConfiguration(Utf8JsonWriter json, int firstControlToken)
    {
        json.WriteStartObject();
        json.WriteString("tokenizer_class", "Qwen2Tokenizer");
        json.WriteBoolean("add_bos_token", false);
        json.WriteBoolean("add_prefix_space", false);
        json.WriteString("eos_token", "<|im_end|>");
        json.WriteString("pad_token", "<|endoftext|>");
        json.WriteNull("unk_token");
        json.WriteStartObject("added_tokens_decoder");
        for (int i = 0; i < ControlTokens.Count; i++)
        {
            json.WriteStartObject((firstControlToken + i).ToString());
            json.WriteString("content", ControlTokens[i]);
            json.WriteBoolean("special", true);
            foreach (string option in (ReadOnlySpan<string>)["lstrip", "rstrip", "normalized", "single_word"]) json.WriteBoolean(option, false);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteJson(string path, Action<Utf8JsonWriter> write) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true });
        write(json);
    });
}
