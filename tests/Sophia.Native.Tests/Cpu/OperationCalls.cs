using System.Runtime.InteropServices;

namespace Sophia.Native.Tests.Cpu;

/// <summary>
/// The operations of the CPU backend (attention, head and sampling have tests of their own) as calls on one set of random operands: strided rows, awkward sizes, large enough to be shared out to
/// several workers. Two sets of one seed hold the same numbers, and calls made in the same order must leave the same bits.
/// </summary>
internal sealed class OperationCalls : IDisposable
{
    private const int Rows = 301;
    private const int Channels = 133;
    private const int Vocabulary = 17;
    private const int Tiles = 7;
    private const int GridHeight = 6;
    private const int GridWidth = 4;
    private const int Patches = GridHeight * GridWidth;

    private readonly Backend _backend;
    private readonly Random _random;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<(string Name, Action Call)> _calls = [];

    public OperationCalls(Backend backend, int seed)
    {
        _backend = backend;
        _random = new Random(seed);
        AddLinear();
        AddNorms();
        AddElementwise();
        AddTokens();
        AddVision();
        AddOptimizer();
        AddRewards();
    }

    public IReadOnlyList<(string Name, Action Call)> Calls => _calls;

    /// <summary>The bytes of all operands.</summary>
    public byte[] Snapshot()
    {
        var bytes = new byte[_buffers.Sum(buffer => buffer.Bytes)];
        var offset = 0;
        foreach (var buffer in _buffers)
        {
            _backend.Download(MemoryMarshal.Cast<byte, float>(bytes.AsSpan(offset, (int)buffer.Bytes)), buffer.AsView());
            offset += (int)buffer.Bytes;
        }
        return bytes;
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
    }

    private void AddLinear()
    {
        const int outputs = 77;
        DeviceView output = Matrix(Rows, outputs), input = Matrix(Rows, Channels), weight = Matrix(outputs, Channels), bias = Vector(outputs);
        Add("LinearForward", () => _backend.LinearForward(output, input, weight, bias));
        Add("LinearBackwardInput", () => _backend.LinearBackwardInput(input, output, weight, accumulate: true));
        Add("LinearBackwardWeight", () => _backend.LinearBackwardWeight(weight, output, input));
        Add("LinearBackwardBias", () => _backend.LinearBackwardBias(bias, output));
    }

    private void AddNorms()
    {
        DeviceView output = Matrix(Rows, Channels), input = Matrix(Rows, Channels), dInput = Matrix(Rows, Channels), weight = Vector(Channels), bias = Vector(Channels);
        DeviceView dWeight = Vector(Channels), dBias = Vector(Channels), mean = Vector(Rows), inverse = Vector(Rows);
        Add("RmsNormForward", () => _backend.RmsNormForward(output, inverse, input, weight, 1e-6f));
        Add("RmsNormBackward", () => _backend.RmsNormBackward(dInput, dWeight, output, input, weight, inverse, accumulate: true));
        Add("LayerNormForward", () => _backend.LayerNormForward(output, mean, inverse, input, weight, bias, 1e-6f));
        Add("LayerNormBackward", () => _backend.LayerNormBackward(dInput, dWeight, dBias, output, input, weight, mean, inverse));
    }

    private void AddElementwise()
    {
        DeviceView output = Matrix(Rows, Channels), input = Matrix(Rows, Channels), other = Matrix(Rows, Channels), gateUp = Matrix(Rows, 2 * Channels), dGateUp = Matrix(Rows, 2 * Channels);
        DeviceView scale = Vector(Channels), dScale = Vector(Channels);
        Add("GeluForward", () => _backend.GeluForward(output, input));
        Add("GeluBackward", () => _backend.GeluBackward(output, other, input));
        Add("SwiGluForward", () => _backend.SwiGluForward(output, gateUp));
        Add("SwiGluBackward", () => _backend.SwiGluBackward(dGateUp, other, gateUp));
        Add("ResidualForward", () => _backend.ResidualForward(output, input, other, scale));
        Add("ResidualForward without scale", () => _backend.ResidualForward(output, output, other));
        Add("ResidualBackward", () => _backend.ResidualBackward(output, dScale, input, other, scale));
        Add("Copy", () => _backend.Copy(output, input));
        Add("Fill", () => _backend.Fill(output, 0.25f));
    }

    private void AddTokens()
    {
        const int headSize = 20;
        DeviceView output = Matrix(Rows, Channels), table = Matrix(Vocabulary, Channels), visual = Matrix(Rows, Channels);
        DeviceView ids = Integers(Rows, () => _random.Next(Vocabulary)), visualRows = Integers(Rows, row => row % 3 == 0 ? row / 3 : -1);
        Add("EmbeddingForward", () => _backend.EmbeddingForward(output, table, ids, visual, visualRows));
        Add("EmbeddingBackward", () => _backend.EmbeddingBackward(table, visual, output, ids, visualRows));
        DeviceView values = Matrix(Rows, 5 * headSize), angles = Matrix(Vocabulary, headSize);
        Add("Rope", () => _backend.Rope(values, angles, ids, headSize));
        Add("Rope inverse", () => _backend.Rope(values, angles, ids, headSize, inverse: true));
        DeviceView keyCache = Matrix(2 * Rows, Channels), valueCache = Matrix(2 * Rows, Channels), cacheRows = Integers(Rows, row => 2 * row + 1);
        Add("CacheAppend", () => _backend.CacheAppend(keyCache, valueCache, output, visual, cacheRows));
    }

    private void AddVision()
    {
        const int patchSize = 5, grid = 3;
        DeviceView patches = Matrix(Tiles * Patches, 3 * patchSize * patchSize), pixels = Matrix(Tiles, 3 * GridHeight * patchSize * GridWidth * patchSize);
        Add("PatchExtract", () => _backend.PatchExtract(patches, pixels, GridHeight * patchSize, GridWidth * patchSize, patchSize));
        DeviceView embedded = Matrix(Tiles * Patches, Channels), tokens = Matrix(Tiles * (1 + Patches), Channels), classToken = Vector(Channels), positions = Matrix(1 + Patches, Channels);
        Add("VisionTokensForward", () => _backend.VisionTokensForward(tokens, embedded, classToken, positions));
        Add("VisionTokensBackward", () => _backend.VisionTokensBackward(embedded, classToken, positions, tokens, Patches));
        var trained = Matrix(1 + grid * grid, Channels);
        Add("PositionInterpolationForward", () => _backend.PositionInterpolationForward(positions, trained, GridHeight, GridWidth));
        Add("PositionInterpolationBackward", () => _backend.PositionInterpolationBackward(trained, positions, GridHeight, GridWidth));
        var joined = Matrix(Tiles * Patches / 4, 4 * Channels);
        Add("PixelShuffleForward", () => _backend.PixelShuffleForward(joined, tokens, GridHeight, GridWidth));
        Add("PixelShuffleBackward", () => _backend.PixelShuffleBackward(tokens, joined, GridHeight, GridWidth));
    }

    private void AddOptimizer()
    {
        const int count = 70_001;
        DeviceView parameters = Vector(count), first = Vector(count), second = Vector(count), gradients = Vector(count), state = Vector(Backend.GradientStateLength);
        Add("GradientNorm", () => _backend.GradientNorm(state, gradients, 1f));
        Add("Copy contiguous", () => _backend.Copy(second, gradients));
        Add("Fill contiguous", () => _backend.Fill(second, 0.5f));
        Add("AdamW", () => _backend.AdamW(parameters, first, second, gradients, state,
            new AdamWStep { LearningRate = 1e-3, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, Step = 2 }));
    }

    private void AddRewards()
    {
        const int captions = 4, answers = 8;
        DeviceView outcomes = Matrix(Rows, captions * answers), captionRewards = Matrix(Rows, captions), rewards = Matrix(Rows, captions * answers);
        var lengths = Integers(Rows * captions * answers, () => _random.Next(-1, 50)).Reshape(Rows, captions * answers);
        Add("PropagateRewards", () => _backend.PropagateRewards(captionRewards, outcomes));
        Add("SelectTrajectories", () => _backend.SelectTrajectories(rewards, captionRewards, outcomes, lengths, new SelectionOptions { Captions = captions, Answers = answers, Keep = 2 }));
    }

    private void Add(string name, Action call) => _calls.Add((name, call));

    /// <summary>Random rows with a gap of three elements between them.</summary>
    private DeviceView Matrix(int rows, int columns)
    {
        var view = Vector(rows * (columns + 3));
        return new DeviceView(view.Buffer, 0, rows, columns, columns + 3, ElementType.Float32);
    }

    private DeviceView Vector(int length)
    {
        var values = new float[length];
        foreach (ref var value in values.AsSpan())
            value = _random.NextSingle() * 2 - 1;
        return Upload<float>(values, ElementType.Float32);
    }

    private DeviceView Integers(int length, Func<int> next) => Integers(length, _ => next());

    private DeviceView Integers(int length, Func<int, int> at)
    {
        var values = new int[length];
        for (var i = 0; i < length; i++)
            values[i] = at(i);
        return Upload<int>(values, ElementType.Int32);
    }

    private DeviceView Upload<T>(T[] values, ElementType type) where T : unmanaged
    {
        var buffer = _backend.Allocate(4L * values.Length);
        _buffers.Add(buffer);
        var view = buffer.AsView(type);
        _backend.Upload<T>(view, values);
        return view;
    }
}
