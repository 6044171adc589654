namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Random operands in device memory: never zeros, on which arithmetic takes less power and runs faster. Freed together.</summary>
internal sealed class DeviceOperands(Backend backend, ElementType storage) : IDisposable
{
    private const int BlockElements = 1 << 20;

    private readonly List<DeviceBuffer> _buffers = [];
    private readonly Random _random = new(1);
    private float[]? _block;

    /// <summary>Bytes of all operands so far.</summary>
    public long Bytes => _buffers.Sum(buffer => buffer.Bytes);

    /// <summary>[rows, columns] of the storage type, uniform in [-1, 1).</summary>
    public DeviceView Matrix(long rows, long columns) => Random(rows, columns, storage);

    /// <summary>[length] of the storage type, uniform in [-1, 1).</summary>
    public DeviceView Vector(long length) => Random(1, length, storage);

    /// <summary>[rows, columns] Float32, uniform in [-1, 1).</summary>
    public DeviceView Floats(long rows, long columns) => Random(rows, columns, ElementType.Float32);

    /// <summary>[length] Float32, uniform in [-1, 1).</summary>
    public DeviceView Floats(long length) => Random(1, length, ElementType.Float32);

    /// <summary>Given values.</summary>
    public DeviceView Floats(ReadOnlySpan<float> values)
    {
        var view = Allocate(1, values.Length, ElementType.Float32);
        backend.Upload(view, values);
        return view;
    }

    /// <summary>[length] Int32.</summary>
    public DeviceView Integers(int length, Func<int, int> at)
    {
        var values = new int[length];
        for (var i = 0; i < length; i++)
            values[i] = at(i);
        var view = Allocate(1, length, ElementType.Int32);
        backend.Upload<int>(view, values);
        return view;
    }

    /// <summary>[length] Int32, uniform in [0, limit).</summary>
    public DeviceView RandomIntegers(int length, int limit) => Integers(length, _ => _random.Next(limit));

    public void Dispose()
    {
        backend.Synchronize();
        foreach (var buffer in _buffers)
            buffer.Dispose();
        _buffers.Clear();
    }

    private DeviceView Allocate(long rows, long columns, ElementType type)
    {
        var buffer = backend.Allocate(rows * columns * type.Size());
        _buffers.Add(buffer);
        return new(buffer, 0, rows, columns, columns, type);
    }

    /// <summary>A million random values, repeated: as good as new ones for timing, and made in no time.</summary>
    private DeviceView Random(long rows, long columns, ElementType type)
    {
        if (_block is null)
        {
            _block = new float[BlockElements];
            foreach (ref var value in _block.AsSpan())
                value = _random.NextSingle() * 2 - 1;
        }
        var view = Allocate(rows, columns, type);
        var all = view.Reshape(1, view.Length);
        using var staging = type == ElementType.Float32 ? null : backend.Allocate(BlockElements * sizeof(float));
        for (long first = 0; first < all.Length; first += BlockElements)
        {
            var count = (int)Math.Min(BlockElements, all.Length - first);
            var part = all.ColumnRange(first, count);
            var target = staging is null ? part : staging.AsView().ColumnRange(0, count);
            backend.Upload<float>(target, _block.AsSpan(0, count));
            if (staging is not null)
                backend.Copy(part, target);
        }
        backend.Synchronize();
        return view;
    }
}
