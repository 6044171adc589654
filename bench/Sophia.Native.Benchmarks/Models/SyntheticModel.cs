using Sophia.Native.Models;

namespace Sophia.Native.Benchmarks.Models;

/// <summary>A model with random weights and a batch of samples with random tokens and pixels; the last two fifths of a sample's tokens are trained.</summary>
internal sealed class SyntheticModel : IDisposable
{
    private readonly int _sampleTokens;

    /// <summary>Creates and initializes the model.</summary>
    /// <param name="backend">Where it lies.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="samples">How many samples the batch has.</param>
    /// <param name="sampleTokens">Tokens of a sample.</param>
    /// <param name="tiles">Image tiles of all samples together, as evenly as they divide.</param>
    /// <param name="storage">In what parameters and activations are stored.</param>
    /// <param name="trained">Trained groups.</param>
    public SyntheticModel(Backend backend, InternVLConfig config, int samples, int sampleTokens, int tiles, ElementType storage, params ReadOnlySpan<ParameterGroup> trained)
    {
        Config = config;
        _sampleTokens = sampleTokens;
        Parameters = new(backend, new(config), storage, trained);
        ParameterInitializer.Initialize(Parameters.Layout, 1, Parameters);
        Model = new(config, Parameters, imageTokenId: 0, maximumPositions: sampleTokens);
        Samples = new Sample[samples];
        for (var index = 0; index < samples; index++)
            Samples[index] = CreateSample(index, tiles / samples + (index < tiles % samples ? 1 : 0));
        Plan = new() { MaximumTokens = samples * sampleTokens, MaximumSequences = samples, MaximumTiles = Math.Max(1, tiles), HeadChunk = 1024 };
    }

    public InternVLConfig Config { get; }

    public ParameterSet Parameters { get; }

    public InternVL Model { get; }

    public Sample[] Samples { get; }

    public ModelPlan Plan { get; }

    public int Tokens => Samples.Length * _sampleTokens;

    /// <summary>Operations of a training step's matrix products: three times those of the forward pass.</summary>
    public double StepOperations
    {
        get
        {
            var forward = new ForwardOperations(Config);
            double tiles = Samples.Sum(sample => sample.TileCount);
            return 3 * (tiles * forward.PerTile + Tokens * forward.PerToken + (double)Tokens * _sampleTokens / 2 * forward.PerTokenAndKey);
        }
    }

    /// <summary>
    /// About 60 M parameters with two samples of 512 tokens, one tile of 448 pixels each: large enough that memory counts, small enough for a laptop.
    /// </summary>
    public static SyntheticModel Medium(Backend backend) =>
        new(backend, MediumConfig, samples: 2, sampleTokens: 512, tiles: 2, ElementType.Float32, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);

    /// <summary>The same sizes for text alone, nothing of it trained.</summary>
    public static SyntheticModel MediumText(Backend backend, int samples, int sampleTokens) => new(backend, MediumConfig, samples, sampleTokens, tiles: 0, ElementType.Float32);

    /// <summary>The sizes of <see cref="Medium"/>.</summary>
    public static InternVLConfig MediumConfig => new()
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

    public void Dispose()
    {
        Model.Dispose();
        Parameters.Dispose();
    }

    private Sample CreateSample(int seed, int tiles)
    {
        var visual = tiles * Config.VisualTokensPerTile;
        if (visual >= _sampleTokens)
            throw new ArgumentException($"{tiles} tiles are {visual} tokens, which do not fit a sample of {_sampleTokens}: ask for longer samples or fewer tiles.");
        var random = new Random(seed);
        var ids = new int[_sampleTokens];
        var mask = new bool[_sampleTokens];
        for (var i = 0; i < _sampleTokens; i++)
        {
            ids[i] = i < visual ? 0 : random.Next(1, Config.Text.VocabularySize);
            mask[i] = i >= Math.Max(visual, _sampleTokens * 3 / 5);
        }
        var pixels = new float[tiles * 3 * Config.TileSize * Config.TileSize];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = random.NextSingle() * 4 - 2;
        return new() { Id = $"sample {seed}", InputIds = ids, LossMask = mask, PixelValues = tiles > 0 ? pixels : null, TileCount = tiles };
    }
}
