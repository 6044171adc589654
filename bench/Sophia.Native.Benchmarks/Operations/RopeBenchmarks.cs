using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: queries and keys are read and written once, in place.</summary>
public class RopeBenchmarks : OperationBenchmarks
{
    private const int Positions = 4096;

    private DeviceView _values, _table, _positions;

    [Params(1, 2048)]
    public int N { get; set; }

    protected override void Prepare() =>
        (_values, _table, _positions) = (Matrix(N, (Heads + KeyValueHeads) * HeadSize), Table(), Integers(N, n => n));

    [Benchmark]
    public void Rope()
    {
        Backend.Rope(_values, _table, _positions, HeadSize);
        Backend.Synchronize();
    }

    [Benchmark]
    public void RopeInverse()
    {
        Backend.Rope(_values, _table, _positions, HeadSize, inverse: true);
        Backend.Synchronize();
    }

    /// <summary>True rotations, so that values keep their size over many calls.</summary>
    private DeviceView Table()
    {
        var table = Matrix(Positions, HeadSize);
        var values = new float[Positions * HeadSize];
        for (var position = 0; position < Positions; position++)
        {
            for (var i = 0; i < HeadSize / 2; i++)
            {
                var angle = position * Math.Pow(1e6, -2.0 * i / HeadSize);
                values[position * HeadSize + i] = (float)Math.Cos(angle);
                values[position * HeadSize + HeadSize / 2 + i] = (float)Math.Sin(angle);
            }
        }
        Backend.Upload<float>(table, values);
        return table;
    }
}
