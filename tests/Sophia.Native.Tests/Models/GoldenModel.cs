using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Models;

/// <summary>A golden checkpoint with its reference tensors, loaded on a backend.</summary>
internal sealed class GoldenModel : IDisposable
{
    private readonly SafetensorsFile _golden;

    public GoldenModel(string name, string layout, Backend backend, params ReadOnlySpan<ParameterGroup> trained)
    {
        Folder = name == "internlm2-vit300m" ? TestData.Golden($"models/{name}") : TestData.FullGolden($"models/{name}");
        var checkpoint = Path.Combine(Folder, layout);
        Config = InternVLConfig.Load(checkpoint);
        Parameters = new(backend, new(Config), trained);
        CheckpointReader.Read(checkpoint, Config, Parameters);
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "golden.json")));
        ImageTokenId = facts.RootElement.GetProperty("ids").GetProperty("ctx").GetInt32();
        Model = new(Config, Parameters, ImageTokenId, maximumPositions: 256);
        _golden = SafetensorsFile.Open(Path.Combine(Folder, "golden.safetensors"));
    }

    public string Folder { get; }

    public InternVLConfig Config { get; }

    public ParameterSet Parameters { get; }

    public InternVL Model { get; }

    public int ImageTokenId { get; }

    public float[] Floats(string name) => Floats(_golden, name);

    public bool Has(string name) => _golden.TryFind(name, out _);

    public IReadOnlyList<long> Shape(string name) => _golden[name].Shape;

    public int[] Integers(string name)
    {
        var tensor = _golden[name];
        var values = new long[tensor.ElementCount];
        tensor.ReadIntegers(0, values);
        return Array.ConvertAll(values, value => (int)value);
    }

    /// <summary>Sample s0..s3; golden entries of position t belong to the prediction of token t + 1.</summary>
    public Sample Sample(int index, float weightFactor = 1f)
    {
        var prefix = $"s{index}.";
        var ids = Integers(prefix + "input_ids");
        var mask = Has(prefix + "mask") ? Floats(prefix + "mask") : [];
        var weights = Floats(prefix + "weights");
        var pixels = Has(prefix + "pixel_values") ? Floats(prefix + "pixel_values") : null;
        var lossMask = new bool[ids.Length];
        var tokenWeights = new float[ids.Length];
        for (var i = 1; i < ids.Length; i++)
        {
            lossMask[i] = mask[i - 1] != 0;
            tokenWeights[i] = weights[i - 1] * weightFactor;
        }
        return new()
        {
            Id = prefix,
            InputIds = ids,
            PixelValues = pixels,
            TileCount = pixels is null ? 0 : (int)Shape(prefix + "pixel_values")[0],
            LossMask = lossMask,
            TokenWeights = tokenWeights,
        };
    }

    public ModelPlan Plan(int tokens = 256, int sequences = 4, int tiles = 8, int headChunk = 50, int tileSize = 0) => new()
    {
        MaximumTokens = tokens,
        MaximumSequences = sequences,
        MaximumTiles = tiles,
        Training = true,
        TrainsProjector = true,
        TrainsVision = true,
        HeadChunk = headChunk,
        TileSize = tileSize,
    };

    public static float[] Floats(SafetensorsFile file, string name)
    {
        var tensor = file[name];
        var values = new float[tensor.ElementCount];
        if (tensor.Type.IsFloat())
            tensor.ReadFloats(0, values);
        else
        {
            var integers = new long[values.Length];
            tensor.ReadIntegers(0, integers);
            for (var i = 0; i < values.Length; i++)
                values[i] = integers[i];
        }
        return values;
    }

    public float[] Download(DeviceView view)
    {
        var values = new float[view.Length];
        for (long row = 0; row < view.Rows; row++)
            Parameters.Backend.Download(values.AsSpan((int)(row * view.Columns), (int)view.Columns), view.RowRange(row, 1));
        return values;
    }

    public void Dispose()
    {
        _golden.Dispose();
        Model.Dispose();
        Parameters.Dispose();
    }

    /// <summary>Relative L2 distance and largest absolute difference.</summary>
    public static (double Relative, double Absolute) Distance(ReadOnlySpan<float> found, ReadOnlySpan<float> expected)
    {
        Assert.Equal(expected.Length, found.Length);
        var (difference, norm, largest) = (0.0, 0.0, 0.0);
        for (var i = 0; i < found.Length; i++)
        {
            var d = (double)found[i] - expected[i];
            difference += d * d;
            norm += (double)expected[i] * expected[i];
            largest = double.IsNaN(d) ? double.NaN : Math.Max(largest, Math.Abs(d));
        }
        return (Math.Sqrt(difference / Math.Max(norm, 1e-30)), largest);
    }
}
