using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Tests.Data;

/// <summary>Qwen2-format tokenizers small enough to write down: the 256 bytes and a few merges.</summary>
internal static class SmallTokenizer
{
    /// <summary>The visible character of each byte in GPT-2's alphabet, written out independently of the product.</summary>
    public static string Symbol(int value)
    {
        if (value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174) return ((char)value).ToString();
        int index = value <= 32 ? value : value <= 160 ? value - 127 + 33 : 67;
        return ((char)(256 + index)).ToString();
    }

    /// <summary>Byte tokens have the ids 0..255, the results of the merges follow.</summary>
    public static Qwen2Tokenizer Create(params (string Left, string Right)[] merges)
    {
        Dictionary<string, int> vocabulary = [];
        for (int value = 0; value < 256; value++) vocabulary.Add(Symbol(value), value);
        foreach ((string left, string right) in merges) vocabulary.TryAdd(left + right, vocabulary.Count);
        return Qwen2Tokenizer.Create(vocabulary, merges);
    }
}
