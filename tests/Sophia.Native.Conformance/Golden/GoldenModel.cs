using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Xunit;

namespace Sophia.Native.Conformance.Golden;

/// <summary>A golden checkpoint with its reference tensors, loaded on a backend. Its weights are exact in BFloat16.</summary>
internal sealed class GoldenModel : IDisposable
{
    private readonly SafetensorsFile _golden;
    private readonly double[]? _ownDistances;

    public GoldenModel(string name, string layout, Backend backend, ElementType storage, params ReadOnlySpan<ParameterGroup> trained)
    {
        Folder = FolderOf(name);
        var checkpoint = Path.Combine(Folder, layout);
        Config = InternVLConfig.Load(checkpoint);
        Parameters = new(backend, new(Config), storage, trained);
        CheckpointReader.Read(checkpoint, Config, Parameters);
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "golden.json")));
        if (storage == ElementType.BFloat16 && facts.RootElement.TryGetProperty("bf16_logits_rel_l2", out var distances))
            _ownDistances = [.. distances.EnumerateArray().Select(distance => distance.GetDouble())];
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

    /// <summary>How far transformers' own run in bf16 is from its fp32 run in the logits of a sample, with a tenth of room; null in fp32, or where it was not measured.</summary>
    public double? OwnDistance(int sample) => 1.1 * _ownDistances?[sample];

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
        Storage = Parameters.Storage,
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
            Parameters.Backend.DownloadFloats(values.AsSpan((int)(row * view.Columns), (int)view.Columns), view.RowRange(row, 1));
        return values;
    }

    /// <summary>A parameter as an optimizer sees it.</summary>
    public float[] Read(Parameter parameter)
    {
        var values = new float[parameter.Length];
        Parameters.Read(parameter, 0, values);
        return values;
    }

    public void Dispose()
    {
        _golden.Dispose();
        Model.Dispose();
        Parameters.Dispose();
    }

    /// <summary>One model is in every clone; the others skip a test where they are not here.</summary>
    private static string FolderOf(string name)
    {
        if (name == "internlm2-vit300m")
            return GoldenFiles.Find($"models/{name}");
        var folder = GoldenFiles.FindInWholeSet($"models/{name}");
        if (folder is null)
            Assert.Skip($"The golden model {name} is not here; set SOPHIA_GOLDEN to the folder that holds the whole set.");
        return folder!;
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
