using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>
/// What the benchmarks of single operations share: the backend, and random operands. The sizes are those of InternVL 1B (C 896, F 4864, 14 heads of 64 over 2) and its vision
/// encoder (C 1024, F 4096); N is one token of decoding or a batch of training. A method waits for the device before it returns.
/// </summary>
[MemoryDiagnoser]
public abstract class OperationBenchmarks
{
    protected const int Channels = 896;
    protected const int Features = 4864;
    protected const int Heads = 14;
    protected const int KeyValueHeads = 2;
    protected const int HeadSize = 64;
    protected const int VisionChannels = 1024;
    protected const int VisionFeatures = 4096;
    protected const float Epsilon = 1e-6f;

    private readonly List<DeviceBuffer> _buffers = [];
    private readonly Random _random = new(1);

    /// <summary>The backend, as <see cref="Sophia.Native.Backend.Open"/> takes it.</summary>
    [ParamsSource(nameof(Devices))]
    public string Device { get; set; } = "cpu";

    /// <summary>The backends that <c>--backend</c> names.</summary>
    public static IReadOnlyList<string> Devices => BenchmarkCommand.Backends;

    protected Backend Backend { get; private set; } = null!;

    [GlobalSetup]
    public void Open()
    {
        Backend = Backend.Open(Device);
        Prepare();
    }

    [GlobalCleanup]
    public void Close()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
        _buffers.Clear();
        Backend.Dispose();
    }

    /// <summary>Makes the operands.</summary>
    protected abstract void Prepare();

    /// <summary>[rows, columns], uniform in [-1, 1).</summary>
    protected DeviceView Matrix(int rows, int columns)
    {
        var values = new float[(long)rows * columns];
        foreach (ref var value in values.AsSpan())
            value = _random.NextSingle() * 2 - 1;
        return Upload<float>(values, rows, columns, ElementType.Float32);
    }

    /// <summary>[length], uniform in [-1, 1).</summary>
    protected DeviceView Vector(int length) => Matrix(1, length);

    /// <summary>[length] Int32.</summary>
    protected DeviceView Integers(int length, Func<int, int> at)
    {
        var values = new int[length];
        for (var i = 0; i < length; i++)
            values[i] = at(i);
        return Upload<int>(values, 1, length, ElementType.Int32);
    }

    /// <summary>[length] Int32, uniform in [0, limit).</summary>
    protected DeviceView RandomIntegers(int length, int limit) => Integers(length, _ => _random.Next(limit));

    /// <summary>Memory filled with zeros.</summary>
    protected DeviceView Zeros(int length, ElementType type)
    {
        var buffer = Backend.Allocate((long)length * type.Size());
        _buffers.Add(buffer);
        return buffer.AsView(type);
    }

    private DeviceView Upload<T>(T[] values, int rows, int columns, ElementType type) where T : unmanaged
    {
        var view = Zeros(values.Length, type);
        Backend.Upload<T>(view, values);
        return view.Reshape(rows, columns);
    }
}
