namespace Sophia.Native.Tests.Cpu;

/// <summary>Opens CPU backends for tests and moves arrays to and from them.</summary>
internal static class CpuFixture
{
    /// <summary>Every instruction path of this machine, with 1 and 2 threads.</summary>
    public static TheoryData<string, int> PathsAndThreads
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (var path in CpuPaths.Supported)
            {
                data.Add(path.ToString(), 1);
                data.Add(path.ToString(), 2);
            }
            return data;
        }
    }

    /// <summary>Every instruction path of this machine.</summary>
    public static TheoryData<string> Paths => [.. CpuPaths.Supported.Select(path => path.ToString())];

    public static Backend Open(string path, int threads = 2) => Backend.Open("cpu", new BackendOptions { CpuPath = path, Threads = threads });

    public static DeviceView Floats(Backend backend, long rows, long columns, float fill = 0)
    {
        DeviceView view = new(backend.Allocate((rows * columns + 16) * sizeof(float)), 0, rows, columns, columns, ElementType.Float32);
        Span<float> values = new float[rows * columns];
        values.Fill(fill);
        backend.Upload<float>(view, values);
        return view;
    }

    public static DeviceView Floats(Backend backend, long rows, long columns, ReadOnlySpan<float> values)
    {
        var view = Floats(backend, rows, columns);
        backend.Upload(view, values);
        return view;
    }

    public static DeviceView Integers(Backend backend, ReadOnlySpan<int> values)
    {
        DeviceView view = new(backend.Allocate(Math.Max(1, values.Length) * sizeof(int)), 0, 1, values.Length, values.Length, ElementType.Int32);
        backend.Upload(view, values);
        return view;
    }

    public static float[] Floats(Backend backend, DeviceView view)
    {
        var values = new float[view.Length];
        backend.Download<float>(values, view);
        return values;
    }

    public static float[] Normal(Random random, long count, double deviation = 1)
    {
        var values = new float[count];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    public static double[] Doubles(ReadOnlySpan<float> values)
    {
        var doubles = new double[values.Length];
        for (var i = 0; i < doubles.Length; i++)
            doubles[i] = values[i];
        return doubles;
    }

    /// <summary>
    /// The managed bytes that an action allocates once it is warm: the least of some attempts, because the runtime's counter jumps by the rest of the
    /// thread's allocation context when a collection, of another test for example, falls between.
    /// </summary>
    public static long AllocatedBytes(Action action)
    {
        action();
        action();
        var least = long.MaxValue;
        for (var attempt = 0; attempt < 5 && least > 0; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }

    /// <summary>Fails where a value lies farther from the reference than absolute + relative * |reference|.</summary>
    public static void Close(ReadOnlySpan<double> reference, ReadOnlySpan<float> values, double absolute, double relative, string what)
    {
        Assert.Equal(reference.Length, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            var same = double.IsInfinity(reference[i]) ? reference[i] == values[i] : Math.Abs(reference[i] - values[i]) <= absolute + relative * Math.Abs(reference[i]);
            Assert.True(same, $"{what}[{i}]: expected {reference[i]:R}, found {values[i]:R}");
        }
    }

    /// <summary>Fails where two arrays differ in a bit.</summary>
    public static void SameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]), $"{what}[{i}]: expected {expected[i]:R}, found {actual[i]:R}");
    }
}
