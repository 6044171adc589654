namespace Sophia.Native.Conformance;

/// <summary>Device memory of one hand-written test: views are filled from the host and freed together.</summary>
internal sealed class DeviceScratch(Backend backend) : IDisposable
{
    private readonly List<DeviceBuffer> _buffers = [];

    /// <summary>A matrix with the given values, rounded to its type.</summary>
    public DeviceView Matrix(long rows, long columns, ReadOnlySpan<double> values, ElementType type = ElementType.Float32)
    {
        var view = Empty(rows, columns, type);
        if (type == ElementType.BFloat16)
        {
            var brain = new BFloat16[values.Length];
            for (var i = 0; i < brain.Length; i++)
                brain[i] = (BFloat16)(float)values[i];
            backend.Upload<BFloat16>(view, brain);
            return view;
        }
        var single = new float[values.Length];
        for (var i = 0; i < single.Length; i++)
            single[i] = (float)values[i];
        backend.Upload<float>(view, single);
        return view;
    }

    /// <summary>A vector with the given values, rounded to its type.</summary>
    public DeviceView Vector(ReadOnlySpan<double> values, ElementType type = ElementType.Float32) => Matrix(1, values.Length, values, type);

    /// <summary>A vector of whole numbers.</summary>
    public DeviceView Indices(params ReadOnlySpan<int> values)
    {
        var view = Empty(1, values.Length, ElementType.Int32);
        backend.Upload(view, values);
        return view;
    }

    /// <summary>A matrix of NaN, or of zeros for whole numbers.</summary>
    public DeviceView Empty(long rows, long columns, ElementType type = ElementType.Float32)
    {
        var buffer = backend.Allocate(Math.Max(1, rows * columns) * type.Size());
        _buffers.Add(buffer);
        var view = new DeviceView(buffer, 0, rows, columns, columns, type);
        if (type == ElementType.Float32)
        {
            var poison = new float[rows * columns];
            Array.Fill(poison, float.NaN);
            backend.Upload<float>(view, poison);
        }
        else if (type == ElementType.BFloat16)
        {
            var poison = new BFloat16[rows * columns];
            Array.Fill(poison, (BFloat16)float.NaN);
            backend.Upload<BFloat16>(view, poison);
        }
        return view;
    }

    /// <summary>The elements of a contiguous view.</summary>
    public float[] Read(DeviceView view)
    {
        var values = new float[view.Length];
        if (view.Type != ElementType.BFloat16)
        {
            backend.Download<float>(values, view);
            return values;
        }
        var brain = new BFloat16[view.Length];
        backend.Download<BFloat16>(brain, view);
        for (var i = 0; i < values.Length; i++)
            values[i] = brain[i];
        return values;
    }

    /// <summary>The whole numbers of a contiguous view.</summary>
    public int[] ReadIndices(DeviceView view)
    {
        var values = new int[view.Length];
        backend.Download<int>(values, view);
        return values;
    }

    public void Dispose()
    {
        backend.Synchronize();
        foreach (var buffer in _buffers)
            buffer.Dispose();
    }
}
