using Sophia.Native.Models;
using Sophia.Native.Models.Generation;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Generation;

/// <summary>Random prompts for the tiny model, and what it makes of them.</summary>
internal static class GenerationFixture
{
    /// <summary>Prompts of 1 to 27 tokens; two of three show an image, and most of these share theirs.</summary>
    public static GenerationRequest[] Requests(int seed, int count)
    {
        var random = new Random(seed);
        float[][] images = [Pixels(random, 1), Pixels(random, 2)];
        var requests = new GenerationRequest[count];
        for (var i = 0; i < count; i++)
        {
            var tiles = random.Next(3);
            var visual = tiles * TinyModel.Config.VisualTokensPerTile;
            var ids = new int[visual + random.Next(1, 20)];
            for (var t = 0; t < ids.Length; t++)
                ids[t] = t < visual ? TinyModel.ImageToken : random.Next(TinyModel.ImageToken);
            requests[i] = new()
            {
                Id = $"prompt {i}",
                PromptIds = ids,
                TileCount = tiles,
                PixelValues = tiles == 0 ? null : random.Next(3) == 0 ? Pixels(random, tiles) : images[tiles - 1],
                SampleNumber = i,
            };
        }
        return requests;
    }

    public static GenerationRequest Text(int length, int sample = 0) =>
        new() { Id = "text", PromptIds = [.. Enumerable.Range(0, length).Select(i => (7 * i + 3) % TinyModel.ImageToken)], SampleNumber = sample };

    public static GenerationResult[] Generate(TinyModel tiny, GenerationRequest[] requests, GenerationOptions options, GeneratorPlan? plan = null)
    {
        using var generator = new Generator(tiny.Model, plan ?? GeneratorPlan.For(requests, options.MaximumNewTokens));
        return generator.Generate(requests, options, TestContext.Current.CancellationToken);
    }

    /// <summary>The log-probabilities of the continuations' tokens, scored as whole sequences, packed into batches of a token budget.</summary>
    public static float[][] Score(TinyModel tiny, GenerationRequest[] requests, GenerationResult[] continuations, float temperature, int budget)
    {
        using var workspace = ModelWorkspace.Allocate(tiny.Backend, TinyModel.Config, new() { MaximumTokens = budget, MaximumSequences = requests.Length, MaximumTiles = 2 * requests.Length, HeadChunk = 11, Storage = tiny.Parameters.Storage, Adapter = tiny.Parameters.Layout.Adapter });
        var scores = new float[requests.Length][];
        for (var first = 0; first < requests.Length;)
        {
            var samples = new List<Sample>();
            var tokens = 0;
            for (var i = first; i < requests.Length && tokens + requests[i].PromptIds.Length + continuations[i].OutputIds.Length <= budget; i++)
            {
                var mask = new bool[requests[i].PromptIds.Length + continuations[i].OutputIds.Length];
                mask.AsSpan(requests[i].PromptIds.Length).Fill(true);
                samples.Add(new() { Id = requests[i].Id, InputIds = [.. requests[i].PromptIds, .. continuations[i].OutputIds], PixelValues = requests[i].PixelValues, TileCount = requests[i].TileCount, LossMask = mask });
                tokens += samples[^1].Length;
            }
            workspace.Batch.Pack(samples.ToArray(), TinyModel.ImageToken);
            tiny.Model.Forward(workspace);
            var packed = tiny.Download(tiny.Model.Score(workspace, temperature).LogProbabilities);
            for (var i = 0; i < samples.Count; i++)
                scores[first + i] = packed.AsSpan(workspace.Batch.Offsets[i] + requests[first + i].PromptIds.Length - 1, continuations[first + i].OutputIds.Length).ToArray();
            first += samples.Count;
        }
        return scores;
    }

    private static float[] Pixels(Random random, int tiles)
    {
        var pixels = new float[tiles * 3 * TinyModel.Config.TileSize * TinyModel.Config.TileSize];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (float)(2 * random.NextDouble() - 1);
        return pixels;
    }
}
