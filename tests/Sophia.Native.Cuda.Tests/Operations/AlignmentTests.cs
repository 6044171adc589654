using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>Where rows begin at any element instead of a multiple of 16 bytes, the norms take another way to memory and give the same bits, gradients of parameters included.</summary>
public abstract class AlignmentTests(CudaFamily family)
{
    private const float Epsilon = 1e-6f;

    /// <summary>Rows and channels: teams of half a warp, of a warp, of several warps, and rows that no registers hold.</summary>
    public static TheoryData<int, int, ElementType> Shapes
    {
        get
        {
            var shapes = new TheoryData<int, int, ElementType>();
            foreach (var type in (ElementType[])[ElementType.Float32, ElementType.BFloat16])
            {
                foreach (var (rows, channels) in ((int, int)[])[(70, 64), (45, 208), (21, 896), (5, 2056), (3, 8200)])
                    shapes.Add(rows, channels, type);
            }
            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Norms_give_the_same_bits_at_any_alignment(int rows, int channels, ElementType type)
    {
        foreach (var operation in (ReadOnlySpan<string>)["RmsNormForward", "RmsNormBackward", "LayerNormForward", "LayerNormBackward"])
        {
            if (family.WhyOmitted(operation, null) is { } reason)
                Assert.Skip(reason);
        }
        var (aligned, unaligned) = (Norms(rows, channels, type, offset: 0), Norms(rows, channels, type, offset: 1));
        for (var i = 0; i < aligned.Length; i++)
            Bits.Equal(aligned[i], unaligned[i], $"norms of [{rows}, {channels}] {type}, result {i}");
    }

    private float[][] Norms(int rows, int channels, ElementType type, int offset)
    {
        var backend = family.Subject;
        var random = ConformanceSeed.For($"alignment {rows} {channels}");
        using var scratch = new DeviceScratch(backend);
        var results = new List<float[]>();

        // Rows eight elements apart more than they are long stay aligned, those that begin one element later and end two later do not.
        DeviceView Wide(int height, double[] values)
        {
            var wide = new double[height * (channels + 8 + offset)];
            for (var i = 0; i < values.Length; i++)
                wide[i / channels * (channels + 8 + offset) + offset + i % channels] = values[i];
            return scratch.Matrix(height, channels + 8 + offset, wide, type).ColumnRange(offset, channels);
        }
        void Keep(DeviceView view)
        {
            var wide = scratch.Read(new(view.Buffer, 0, view.Rows, channels + 8 + offset, channels + 8 + offset, type));
            for (var row = 0; row < view.Rows; row++)
                results.Add(wide.AsSpan(row * (channels + 8 + offset) + offset, channels).ToArray());
        }

        var (input, dOutput) = (Wide(rows, random.Uniform(rows * channels)), Wide(rows, random.Uniform(rows * channels)));
        var (weight, bias) = (Wide(1, random.Uniform(channels)), Wide(1, random.Uniform(channels)));
        var (output, dInput) = (Wide(rows, new double[rows * channels]), Wide(rows, random.Uniform(rows * channels)));
        var (mean, inverse) = (scratch.Empty(1, rows), scratch.Empty(1, rows));
        var (dWeight, dBias) = (scratch.Vector(random.Uniform(channels)), scratch.Vector(random.Uniform(channels)));

        backend.RmsNormForward(output, inverse, input, weight, Epsilon);
        backend.RmsNormBackward(dInput, dWeight, dOutput, input, weight, inverse, accumulate: true);
        Keep(output);
        Keep(dInput);
        results.Add(scratch.Read(inverse));
        results.Add(scratch.Read(dWeight));
        backend.LayerNormForward(output, mean, inverse, input, weight, bias, Epsilon);
        backend.LayerNormBackward(dInput, dWeight, dBias, dOutput, input, weight, mean, inverse);
        Keep(output);
        Keep(dInput);
        foreach (var vector in (ReadOnlySpan<DeviceView>)[mean, inverse, dWeight, dBias])
            results.Add(scratch.Read(vector));
        return [.. results];
    }
}

/// <summary>On the fast device, or the GPU.</summary>
public sealed class AlignmentTests_Fast(CudaFastFamily family) : AlignmentTests(family), IClassFixture<CudaFastFamily>;

/// <summary>On the first checked device: the table's rows that no registers hold are too long for it.</summary>
public sealed class AlignmentTests_Checked(CudaCheckedFamily family) : AlignmentTests(family), IClassFixture<CudaCheckedFamily>;
