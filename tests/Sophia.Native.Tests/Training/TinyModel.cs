using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Training;

/// <summary>A randomly initialized model small enough to train many steps in a test, and random samples for it.</summary>
internal sealed class TinyModel : IDisposable
{
    public const int ImageToken = 60;
    public const int Vocabulary = 64;
    public const int Positions = 64;

    public static readonly InternVLConfig Config = new()
    {
        TileSize = 8,
        ImageTokenId = ImageToken,
        Vision = new()
        {
            HiddenSize = 32, LayerCount = 1, HeadCount = 2, FeedForwardSize = 48, ImageSize = 8, PatchSize = 2, Normalization = VisionNormalization.LayerNorm,
            HasQueryKeyValueBias = true, HasQueryKeyNorm = false, LayerScaleInitialValue = 0.5, InitializerRange = 0.2,
        },
        Text = new()
        {
            Architecture = TextArchitecture.Qwen2, HiddenSize = 32, LayerCount = 2, HeadCount = 2, KeyValueHeadCount = 1, HeadSize = 16, FeedForwardSize = 48,
            VocabularySize = Vocabulary, NormEpsilon = 1e-6, RopeTheta = 1e4, MaxPositionEmbeddings = Positions, InitializerRange = 0.2,
        },
    };

    public static readonly ParameterGroup[] AllGroups = [ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder];

    public TinyModel(ParameterGroup[] trained, string? path = null, int threads = 1, InternVLConfig? config = null, ElementType storage = ElementType.Float32, AdapterConfig? adapter = null)
    {
        Backend = Native.Backend.Open("cpu", new() { CpuPath = path, Threads = threads });
        Parameters = new(Backend, new(config ?? Config, adapter), storage, trained);
        ParameterInitializer.Initialize(Parameters.Layout, 7, Parameters);
        Model = new(Parameters.Layout.Config, Parameters);
    }

    public Backend Backend { get; }

    public ParameterSet Parameters { get; }

    public InternVL Model { get; }

    /// <summary>The sizes of a micro-batch for training.</summary>
    public static ModelPlan Plan(int tokens = 64, int sequences = 8, int tiles = 8, int headChunk = 16) =>
        new() { MaximumTokens = tokens, MaximumSequences = sequences, MaximumTiles = tiles, HeadChunk = headChunk };

    /// <summary>A sample with the first third as prompt, the image's tokens at its beginning, random weights of both signs and plausible log-probabilities.</summary>
    public static Sample Sample(int number, int length, int tiles = 0)
    {
        var random = new Random(number);
        var visual = tiles * Config.VisualTokensPerTile;
        var ids = new int[length];
        for (var i = 0; i < length; i++)
            ids[i] = i is > 0 && i <= visual ? ImageToken : random.Next(ImageToken);
        var mask = new bool[length];
        for (var i = Math.Max(visual + 1, length / 3); i < length; i++)
            mask[i] = i == length - 1 || random.Next(4) > 0;
        return new()
        {
            Id = $"sample {number}",
            InputIds = ids,
            TileCount = tiles,
            PixelValues = tiles == 0 ? null : Numbers(random, tiles * 3 * Config.TileSize * Config.TileSize, 1),
            LossMask = mask,
            TokenWeights = Numbers(random, length, 1),
            BehaviorLogProbabilities = Array.ConvertAll(Numbers(random, length, 1), number => -4 + number),
            ReferenceLogProbabilities = Array.ConvertAll(Numbers(random, length, 1), number => -4 + number),
        };
    }

    /// <summary>Samples of lengths 9 to 30, with images of one or two tiles in two of three.</summary>
    public static Sample[] Samples(int count)
    {
        var samples = new Sample[count];
        for (var i = 0; i < count; i++)
            samples[i] = Sample(i, 9 + i * 13 % 22 + i % 3 * 4, i % 3);
        return samples;
    }

    public float[] Values() => Download(Parameters.Values);

    public float[] Gradients() => Download(Parameters.Gradients);

    public float[] Values(ParameterGroup group)
    {
        var (offset, length) = Parameters.Layout.RangeOf(group);
        return Download(Parameters.Values.ColumnRange(offset, length));
    }

    public float[] Download(DeviceView view)
    {
        var values = new float[view.Length];
        Backend.DownloadFloats(values, view);
        return values;
    }

    /// <summary>Gives B of every adapted layer, which begins at 0, random values, so that the adapter does something.</summary>
    public TinyModel WithRandomAdapter(int seed = 3, double range = 0.2)
    {
        var random = new Random(seed);
        foreach (var parameter in Parameters.Layout.Parameters.Where(parameter => parameter.Group == ParameterGroup.Adapter && parameter.Name.EndsWith("lora_B", StringComparison.Ordinal)))
            Parameters.Write(parameter, 0, Numbers(random, (int)parameter.Length, range));
        return this;
    }

    /// <summary>An adapter of all linear layers, or of those that the targets mean, in some parts of the model or all.</summary>
    public static AdapterConfig Adapter(int rank = 4, double alpha = 6, string[]? targets = null, ParameterGroup[]? groups = null, InternVLConfig? config = null) =>
        AdapterConfig.Resolve(config ?? Config, rank, alpha, targets, groups ?? AllGroups);

    /// <summary>Replaces an element of a parameter.</summary>
    public void Poison(string parameter, float value)
    {
        var view = Parameters[parameter].Value;
        Backend.Upload<float>(view.RowRange(0, 1).ColumnRange(0, 1), [value]);
    }

    public void Write(string folder) => CheckpointWriter.Write(folder, Config, CheckpointLayout.HuggingFace, FileElementType.F32, Parameters);

    public void Dispose()
    {
        Model.Dispose();
        Parameters.Dispose();
        Backend.Dispose();
    }

    private static float[] Numbers(Random random, int count, double range)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
            values[i] = (float)(range * (2 * random.NextDouble() - 1));
        return values;
    }
}
