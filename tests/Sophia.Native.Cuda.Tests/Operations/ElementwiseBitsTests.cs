using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>Elementwise operations in fp32 do what the CPU does, operation by operation, and so give its bits: for ordinary values, and where exponentials end, at zeros, infinities and NaN.</summary>
public sealed class ElementwiseBitsTests(CudaFastFamily family) : IClassFixture<CudaFastFamily>, IDisposable
{
    private const int Rows = 37;
    private const int Columns = 96;
    private const int Length = Rows * Columns;

    private readonly Backend _cpu = Backend.Open("cpu", new BackendOptions { Threads = 2 });

    public void Dispose() => _cpu.Dispose();

    [Fact]
    public void SwiGlu_has_the_bits_of_the_processor() => Compare("SwiGlu", (backend, scratch, random) =>
    {
        var (output, dGateUp) = (scratch.Empty(Rows, Columns), scratch.Empty(Rows, 2 * Columns));
        var gateUp = scratch.Matrix(Rows, 2 * Columns, WithExtremes(random, 2 * Length));
        backend.SwiGluForward(output, gateUp);
        backend.SwiGluBackward(dGateUp, scratch.Matrix(Rows, Columns, random.Uniform(Length)), gateUp);
        return [scratch.Read(output), scratch.Read(dGateUp)];
    });

    [Fact]
    public void Gelu_has_the_bits_of_the_processor() => Compare("Gelu", (backend, scratch, random) =>
    {
        var (output, dInput) = (scratch.Empty(Rows, Columns), scratch.Empty(Rows, Columns));
        var input = scratch.Matrix(Rows, Columns, WithExtremes(random, Length));
        backend.GeluForward(output, input);
        backend.GeluBackward(dInput, scratch.Matrix(Rows, Columns, random.Uniform(Length)), input);
        return [scratch.Read(output), scratch.Read(dInput)];
    });

    [Fact]
    public void The_residual_connection_has_the_bits_of_the_processor() => Compare("Residual", (backend, scratch, random) =>
    {
        var (plain, scaled, dBranch) = (scratch.Empty(Rows, Columns), scratch.Empty(Rows, Columns), scratch.Empty(Rows, Columns));
        var (residual, branch) = (scratch.Matrix(Rows, Columns, WithExtremes(random, Length)), scratch.Matrix(Rows, Columns, random.Uniform(Length)));
        var scale = scratch.Vector(random.Uniform(Columns));
        backend.ResidualForward(plain, residual, branch);
        backend.ResidualForward(scaled, residual, branch, scale);
        backend.ResidualBackward(dBranch, default, residual, branch, scale);
        return [scratch.Read(plain), scratch.Read(scaled), scratch.Read(dBranch)];
    });

    [Fact]
    public void Rope_has_the_bits_of_the_processor() => Compare("Rope", (backend, scratch, random) =>
    {
        const int headSize = 32, positions = 50;
        var (there, back) = (scratch.Matrix(Rows, Columns, WithExtremes(random, Length)), scratch.Matrix(Rows, Columns, random.Uniform(Length)));
        var table = scratch.Matrix(positions, headSize, random.Uniform(positions * headSize));
        var rows = scratch.Indices(random.Integers(Rows, 0, positions));
        backend.Rope(there, table, rows, headSize);
        backend.Rope(back, table, rows, headSize, inverse: true);
        return [scratch.Read(there), scratch.Read(back)];
    });

    [Fact]
    public void A_position_outside_the_table_is_reported_and_its_row_stays()
    {
        Needs("Rope");
        const int headSize = 8;
        using var scratch = new DeviceScratch(family.Subject);
        var values = ConformanceSeed.For("positions outside").Uniform(4 * headSize);
        foreach (var outside in (ReadOnlySpan<int>)[-1, 3, int.MaxValue])
        {
            var (rotated, table) = (scratch.Matrix(4, headSize, values), scratch.Matrix(3, headSize, new double[3 * headSize]));
            family.Subject.Rope(rotated, table, scratch.Indices(0, outside, 2, 1), headSize);
            var refusal = Assert.Throws<ArgumentException>(family.Subject.Synchronize);
            Assert.Contains("Rope", refusal.Message, StringComparison.Ordinal);
            var found = scratch.Read(rotated);
            for (var i = 0; i < found.Length; i++)
                Assert.Equal(i / headSize == 1 ? (float)values[i] : 0f, found[i]);
        }
    }

    /// <summary>Uniform values, and among them those where the formulas change course.</summary>
    private static double[] WithExtremes(CaseRandom random, int count)
    {
        double[] extremes = [0.0, -0.0, 1e-40, 87.0, -87.4, 88.8, -120.0, 1e30, -1e30, double.PositiveInfinity, double.NegativeInfinity, double.NaN];
        var values = random.Uniform(count, -12.0, 12.0);
        for (var i = 0; i < count; i += 17)
            values[i] = extremes[i / 17 % extremes.Length];
        return values;
    }

    private void Compare(string name, Func<Backend, DeviceScratch, CaseRandom, float[][]> run)
    {
        Needs(name == "Rope" ? ["Rope"] : [$"{name}Forward", $"{name}Backward"]);
        float[][] Results(Backend backend)
        {
            using var scratch = new DeviceScratch(backend);
            return run(backend, scratch, ConformanceSeed.For($"{name} of both backends"));
        }
        var (expected, found) = (Results(_cpu), Results(family.Subject));
        for (var i = 0; i < expected.Length; i++)
            Bits.Equal(WithOneNaN(expected[i]), WithOneNaN(found[i]), $"{name}, result {i}");
    }

    /// <summary>The sign and payload of a NaN are the processor's business.</summary>
    private static float[] WithOneNaN(float[] values) => Array.ConvertAll(values, value => float.IsNaN(value) ? float.NaN : value);

    private void Needs(params ReadOnlySpan<string> operations)
    {
        foreach (var operation in operations)
        {
            if (family.WhyOmitted(operation, null) is { } reason)
                Assert.Skip(reason);
        }
    }
}
