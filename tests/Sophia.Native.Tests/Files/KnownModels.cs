using Sophia.Native.Models;

namespace Sophia.Native.Tests.Files;

/// <summary>The published sizes as configuration objects, and small ones that cover every shape of parameter table.</summary>
internal static class KnownModels
{
    public static readonly VisionConfig Vision300M = new()
    {
        HiddenSize = 1024, LayerCount = 24, HeadCount = 16, FeedForwardSize = 4096, ImageSize = 448, PatchSize = 14,
        Normalization = VisionNormalization.LayerNorm, HasQueryKeyValueBias = true, HasQueryKeyNorm = false,
    };

    public static readonly VisionConfig Vision6B = new()
    {
        HiddenSize = 3200, LayerCount = 45, HeadCount = 25, FeedForwardSize = 12800, ImageSize = 448, PatchSize = 14,
        Normalization = VisionNormalization.RmsNorm, HasQueryKeyValueBias = false, HasQueryKeyNorm = true,
    };

    public static TextConfig Qwen2(int hidden, int layers, int heads, int keyValueHeads, int feedForward) => new()
    {
        Architecture = TextArchitecture.Qwen2, HiddenSize = hidden, LayerCount = layers, HeadCount = heads, KeyValueHeadCount = keyValueHeads,
        HeadSize = hidden / heads, FeedForwardSize = feedForward, VocabularySize = 151674, NormEpsilon = 1e-6, RopeTheta = 1e6, MaxPositionEmbeddings = 32768,
    };

    public static TextConfig InternLM2(int hidden, int layers, int heads, int feedForward) => Qwen2(hidden, layers, heads, 8, feedForward) with
    {
        Architecture = TextArchitecture.InternLM2, VocabularySize = 92553, NormEpsilon = 1e-5, DynamicRopeFactor = 2,
    };

    public static InternVLConfig Model(VisionConfig vision, TextConfig text) => new() { Vision = vision, Text = text, TileSize = vision.ImageSize };

    /// <summary>InternViT-300M in front of Qwen2.5, at toy size with awkward numbers.</summary>
    public static InternVLConfig SmallQwen2() => Model(
        Vision300M with { HiddenSize = 12, LayerCount = 2, HeadCount = 3, FeedForwardSize = 20, ImageSize = 8, PatchSize = 2 },
        Qwen2(24, 3, 6, 2, 28) with { VocabularySize = 37, MaxPositionEmbeddings = 64, EndOfSequenceTokenIds = new([3, 5]), BeginOfSequenceTokenId = 1 });

    /// <summary>InternViT-6B in front of InternLM2.5, at toy size; one query head more than usual for each key-value head, and a head size of its own.</summary>
    public static InternVLConfig SmallInternLM2() => Model(
        Vision6B with { HiddenSize = 10, LayerCount = 2, HeadCount = 5, FeedForwardSize = 14, ImageSize = 12, PatchSize = 3 },
        InternLM2(18, 2, 6, 22) with { KeyValueHeadCount = 2, HeadSize = 4, VocabularySize = 29, MaxPositionEmbeddings = 128, PaddingTokenId = 2 }) with
    {
        SystemMessage = "你是书生", MaxDynamicPatch = 6, UseThumbnail = false, ImageTokenId = 7, Template = "other",
    };

    /// <summary>A file of the repository, found above the test's folder.</summary>
    public static string RepositoryFile(string relativePath)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var candidate = Path.Combine(at.FullName, relativePath);
            if (File.Exists(candidate)) return candidate;
        }
        throw new FileNotFoundException($"{relativePath} is missing above {AppContext.BaseDirectory}.");
    }
}
