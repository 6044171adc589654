using Sophia.Native.Models;

namespace Sophia.Native.Benchmarks.Models;

/// <summary>
/// A model of about 60 M parameters with two samples of 512 tokens, one tile of 448 pixels each: large enough that memory counts, small enough for a laptop. Random weights, tokens and pixels.
/// </summary>
internal sealed class MediumModel : IDisposable
{
    private const int SampleTokens = 512;
    private const int PromptTokens = 300;

    public MediumModel(Backend backend)
    {
        Config = new()
        {
            Vision = new()
            {
                HiddenSize = 384,
                LayerCount = 6,
                HeadCount = 6,
                FeedForwardSize = 1536,
                ImageSize = 448,
                PatchSize = 14,
                Normalization = VisionNormalization.LayerNorm,
                HasQueryKeyValueBias = true,
                HasQueryKeyNorm = false,
            },
            Text = new()
            {
                Architecture = TextArchitecture.Qwen2,
                HiddenSize = 512,
                LayerCount = 8,
                HeadCount = 8,
                KeyValueHeadCount = 2,
                HeadSize = 64,
                FeedForwardSize = 2816,
                VocabularySize = 8192,
                NormEpsilon = 1e-6,
                RopeTheta = 1e6,
                MaxPositionEmbeddings = 4096,
            },
            TileSize = 448,
            ImageTokenId = 0,
        };
        Parameters = new(backend, new(Config), ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        ParameterInitializer.Initialize(Parameters.Layout, 1, Parameters);
        Model = new(Config, Parameters, maximumPositions: 1024);
        Samples = [CreateSample(1), CreateSample(2)];
    }

    public InternVLConfig Config { get; }

    public ParameterSet Parameters { get; }

    public InternVL Model { get; }

    public Sample[] Samples { get; }

    public ModelPlan Plan => new() { MaximumTokens = Samples.Length * SampleTokens, MaximumSequences = Samples.Length, MaximumTiles = Samples.Length };

    /// <summary>Operations of a training step's matrix products: three times those of the forward pass.</summary>
    public double StepOperations
    {
        get
        {
            var forward = new ForwardOperations(Config);
            var tokens = Samples.Length * (double)SampleTokens;
            return 3 * (Samples.Length * forward.PerTile + tokens * forward.PerToken + tokens * SampleTokens / 2 * forward.PerTokenAndKey);
        }
    }

    public void Dispose()
    {
        Model.Dispose();
        Parameters.Dispose();
    }

    private Sample CreateSample(int seed)
    {
        var random = new Random(seed);
        var ids = new int[SampleTokens];
        var mask = new bool[SampleTokens];
        for (var i = 0; i < SampleTokens; i++)
        {
            ids[i] = i < Config.VisualTokensPerTile ? 0 : random.Next(1, Config.Text.VocabularySize);
            mask[i] = i >= PromptTokens;
        }
        var pixels = new float[3 * Config.TileSize * Config.TileSize];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (float)(random.NextDouble() * 4 - 2);
        return new() { Id = $"sample {seed}", InputIds = ids, LossMask = mask, PixelValues = pixels, TileCount = 1 };
    }
}
