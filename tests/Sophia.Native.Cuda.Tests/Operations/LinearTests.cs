using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>What the shapes of the conformance table do not choose by themselves: every tile of the linear layers, with operands that allow 16-byte accesses and that do not.</summary>
public abstract class LinearTests(CudaFamily family)
{
    private static readonly string[] Operations = ["LinearForward", "LinearBackwardInput", "LinearBackwardWeight", "LinearBackwardBias"];

    /// <summary>
    /// Two tiles and a part of the largest in each direction, or one row of results; a depth of five stages that ends inside a step, one that ends with the last stage, and one shorter than a step.
    /// Spare columns decide alignment: 0 and 8 keep every row at a multiple of 16 bytes, 3 does not. 83 and 77 end inside 16 bytes.
    /// </summary>
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 35, 83, 77, 8 },
        { 7, 24, 8, 0 },
        { 15, 40, 9, 3 },
        { 1, 96, 376, 8 },
        { 16, 256, 128, 0 },
        { 131, 272, 280, 8 },
        { 131, 272, 277, 3 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_tile_has_the_bits_of_the_processor(int rows, int outputs, int channels, int spare)
    {
        Needs();
        using var cpu = Backend.Open("cpu");
        var problem = new Problem(rows, outputs, channels, spare, ElementType.Float32);
        foreach (var product in Enum.GetValues<LinearProduct>())
        {
            var expected = problem.Run(cpu, product);
            foreach (var backend in family.Equivalents)
            {
                foreach (var (tile, found) in problem.RunWithEveryTile((CudaBackend)backend, product))
                    Bits.Equal(expected, found, $"{product}, {rows} x {channels} x {outputs}, {tile}, {backend.Description}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_tile_of_the_tensor_cores_has_the_same_bits(int rows, int outputs, int channels, int spare)
    {
        Needs();
        var problem = new Problem(rows, outputs, channels, spare, ElementType.BFloat16);
        foreach (var product in Enum.GetValues<LinearProduct>())
        {
            float[]? expected = null;
            foreach (var backend in family.Equivalents)
            {
                foreach (var (tile, found) in problem.RunWithEveryTile((CudaBackend)backend, product))
                {
                    expected ??= found;
                    Bits.Equal(expected, found, $"{product}, {rows} x {channels} x {outputs}, {tile}, {backend.Description}");
                }
            }
            problem.CheckReference(product, expected!);
        }
    }

    /// <summary>What is missing of the last four values of k is not multiplied as zero: -0 + 0 would be +0.</summary>
    [Fact]
    public void A_sum_of_negative_zeros_stays_negative()
    {
        Needs();
        const int rows = 3, outputs = 5, channels = 7;
        foreach (var backend in family.Equivalents)
        {
            using var scratch = new DeviceScratch(backend);
            var dInput = scratch.Matrix(rows, channels, Filled(rows * channels, -0.0));
            backend.LinearBackwardInput(dInput, scratch.Matrix(rows, outputs, Filled(rows * outputs, 0.0)), scratch.Matrix(outputs, channels, Filled(outputs * channels, -1.0)), accumulate: true);
            Assert.All(scratch.Read(dInput), value => Assert.True(float.IsNegative(value), $"{value} on {backend.Description}"));
        }
    }

    /// <summary>cuBLASLt takes what it can; where rows lie at no multiple of 16 bytes, the own products give their own bits.</summary>
    [Theory]
    [InlineData(131, 272, 280, 8, ElementType.Float32)]
    [InlineData(131, 272, 280, 8, ElementType.BFloat16)]
    [InlineData(1, 96, 376, 0, ElementType.BFloat16)]
    [InlineData(15, 40, 9, 3, ElementType.BFloat16)]
    public void Fast_numerics_agree_with_the_reference(int rows, int outputs, int channels, int spare, ElementType type)
    {
        Needs();
        foreach (CudaBackend own in family.Equivalents)
        {
            using var fast = CudaBackend.Open(new() { Device = own.Device.Number, CompilesAhead = false, Numerics = Numerics.Fast });
            var problem = new Problem(rows, outputs, channels, spare, type);
            foreach (var product in Enum.GetValues<LinearProduct>())
            {
                var result = problem.Run(fast, product);
                problem.CheckReference(product, result);
                Bits.Equal(result, problem.Run(fast, product), $"{product} twice");
                if (spare % 8 != 0)
                    Bits.Equal(problem.Run(own, product), result, $"{product} off alignment");
            }
            Assert.Equal(spare % 8 == 0 ? 3 : 0, fast.LibraryProducts);
        }
    }

    /// <summary>The head adds to the gradient of its weight chunk by chunk.</summary>
    [Theory]
    [InlineData(ElementType.Float32, 5)]
    [InlineData(ElementType.BFloat16, 16)]
    [InlineData(ElementType.BFloat16, 48)]
    public void Chunks_of_rows_give_the_bits_of_the_whole(ElementType type, int chunk)
    {
        Needs();
        const int rows = 83, outputs = 40, channels = 24;
        var random = ConformanceSeed.For($"chunks {type} {chunk}");
        var (gradients, inputs, start) = (random.Uniform(rows * outputs), random.Uniform(rows * channels), random.Uniform(outputs * channels));
        foreach (var backend in family.Equivalents)
        {
            float[] Accumulate(int step)
            {
                using var scratch = new DeviceScratch(backend);
                var (dOutput, input, dWeight) = (scratch.Matrix(rows, outputs, gradients, type), scratch.Matrix(rows, channels, inputs, type), scratch.Matrix(outputs, channels, start));
                for (var first = 0; first < rows; first += step)
                {
                    var count = Math.Min(step, rows - first);
                    backend.LinearBackwardWeight(dWeight, dOutput.RowRange(first, count), input.RowRange(first, count));
                }
                return scratch.Read(dWeight);
            }
            Bits.Equal(Accumulate(rows), Accumulate(chunk), $"chunks of {chunk} rows of {type} on {backend.Description}");
        }
    }

    /// <summary>More rows than one block of the sum and than eight.</summary>
    [Theory]
    [InlineData(1, ElementType.Float32)]
    [InlineData(8, ElementType.Float32)]
    [InlineData(257, ElementType.BFloat16)]
    [InlineData(2400, ElementType.Float32)]
    [InlineData(2400, ElementType.BFloat16)]
    public void The_gradient_of_the_bias_is_the_sum_of_many_rows(int rows, ElementType type)
    {
        Needs();
        const int outputs = 9;
        var random = ConformanceSeed.For($"bias {rows} {type}");
        var (values, start) = (random.Uniform(rows * outputs), random.Uniform(outputs));
        float[]? first = null;
        foreach (var backend in family.Equivalents)
        {
            using var scratch = new DeviceScratch(backend);
            var (dOutput, dBias) = (scratch.Matrix(rows, outputs, values, type), scratch.Vector(start));
            backend.LinearBackwardBias(dBias, dOutput);
            var found = scratch.Read(dBias);
            Bits.Equal(first ??= found, found, $"{rows} rows of {type} on {backend.Description}");
            for (var column = 0; column < outputs; column++)
            {
                double sum = start[column], size = Math.Abs(start[column]);
                for (var row = 0; row < rows; row++)
                {
                    var value = type == ElementType.BFloat16 ? (float)(BFloat16)(float)values[row * outputs + column] : values[row * outputs + column];
                    sum += value;
                    size += Math.Abs(value);
                }
                Assert.True(Math.Abs(sum - found[column]) <= Rounding.Sum(rows) * size, $"seed {ConformanceSeed.Value}: column {column} of {rows} rows of {type}: expected {sum}, found {found[column]}.");
            }
        }
    }

    private static double[] Filled(int count, double value)
    {
        var values = new double[count];
        Array.Fill(values, value);
        return values;
    }

    private void Needs()
    {
        foreach (var operation in Operations)
        {
            if (family.WhyOmitted(operation, null) is { } reason)
                Assert.Skip(reason);
        }
    }

    /// <summary>A layer with its inputs, whose matrices are column ranges of wider ones.</summary>
    private sealed class Problem
    {
        private readonly int _rows;
        private readonly int _outputs;
        private readonly int _channels;
        private readonly int _spare;
        private readonly ElementType _type;
        private readonly double[] _input;
        private readonly double[] _weight;
        private readonly double[] _bias;
        private readonly double[] _dOutput;
        private readonly double[] _old;

        public Problem(int rows, int outputs, int channels, int spare, ElementType type)
        {
            (_rows, _outputs, _channels, _spare, _type) = (rows, outputs, channels, spare, type);
            var random = ConformanceSeed.For($"tiles {rows} {outputs} {channels}");
            double[] Values(long count) => type == ElementType.BFloat16 ? Array.ConvertAll(random.Uniform(count), value => (double)(float)(BFloat16)(float)value) : random.Uniform(count);
            (_input, _weight, _bias, _dOutput) = (Values(rows * channels), Values(outputs * channels), Values(outputs), Values(rows * outputs));
            _old = Values(Math.Max(outputs, rows) * Math.Max(outputs, channels));
        }

        /// <summary>The result of one product: with a bias, and onto an old result where the product can do that.</summary>
        public float[] Run(Backend backend, LinearProduct product)
        {
            using var scratch = new DeviceScratch(backend);
            switch (product)
            {
                case LinearProduct.Forward:
                    var output = scratch.Empty(_rows, Pitch(_outputs), _type);
                    backend.LinearForward(Part(output, _outputs), Wide(scratch, _rows, _channels, _input), Wide(scratch, _outputs, _channels, _weight), scratch.Vector(_bias, _type));
                    return Narrow(scratch.Read(output), _rows, _outputs);
                case LinearProduct.BackwardInput:
                    var dInput = Spread(scratch, _rows, _channels, _old, _type);
                    backend.LinearBackwardInput(Part(dInput, _channels), Wide(scratch, _rows, _outputs, _dOutput), Wide(scratch, _outputs, _channels, _weight), accumulate: true);
                    return Narrow(scratch.Read(dInput), _rows, _channels);
                default:
                    var dWeight = Spread(scratch, _outputs, _channels, _old, ElementType.Float32);
                    backend.LinearBackwardWeight(Part(dWeight, _channels), Wide(scratch, _rows, _outputs, _dOutput), Wide(scratch, _rows, _channels, _input));
                    return Narrow(scratch.Read(dWeight), _outputs, _channels);
            }
        }

        public IEnumerable<(LinearTile Tile, float[] Result)> RunWithEveryTile(CudaBackend backend, LinearProduct product)
        {
            foreach (var tile in LinearTile.Of(_type, product, isAligned: _spare % 8 == 0))
            {
                backend.OnlyLinearTile = tile;
                try
                {
                    yield return (tile, Run(backend, product));
                }
                finally
                {
                    backend.OnlyLinearTile = null;
                }
            }
        }

        /// <summary>Compares with sums in double precision, rounded once more where the result is bfloat16.</summary>
        public void CheckReference(LinearProduct product, float[] found)
        {
            var (rows, columns, depth) = product switch
            {
                LinearProduct.Forward => (_rows, _outputs, _channels),
                LinearProduct.BackwardInput => (_rows, _channels, _outputs),
                _ => (_outputs, _channels, _rows),
            };
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    double start = product == LinearProduct.Forward ? _bias[column] : _old[row * columns + column];
                    double sum = start, size = Math.Abs(start);
                    for (var k = 0; k < depth; k++)
                    {
                        var term = product switch
                        {
                            LinearProduct.Forward => _input[row * _channels + k] * _weight[column * _channels + k],
                            LinearProduct.BackwardInput => _dOutput[row * _outputs + k] * _weight[k * _channels + column],
                            _ => _dOutput[k * _outputs + row] * _input[k * _channels + column],
                        };
                        sum += term;
                        size += Math.Abs(term);
                    }
                    // A product of tensor cores may truncate what it shifts out: 4 u a step of 16 terms instead of one rounding a term. Half a unit of bfloat16 is 2^-8.
                    var tolerance = 4 * Rounding.Sum(depth) * size + (_type == ElementType.Float32 || product == LinearProduct.BackwardWeight ? 0.0 : Math.Abs(sum) / 256);
                    var value = found[row * columns + column];
                    Assert.True(Math.Abs(sum - value) <= tolerance, $"seed {ConformanceSeed.Value}, {product} {_rows} x {_channels} x {_outputs}: element [{row}, {column}]: expected {sum}, found {value}.");
                }
            }
        }

        private DeviceView Wide(DeviceScratch scratch, int rows, int columns, double[] values) => Part(Spread(scratch, rows, columns, values, _type), columns);

        private DeviceView Part(DeviceView wide, int columns) => wide.ColumnRange(_spare, columns);

        /// <summary>Where rows shall be aligned, whole multiples of 8 elements.</summary>
        private int Pitch(int columns) => _spare % 8 == 0 ? (columns + _spare + 7) / 8 * 8 : columns + _spare;

        /// <summary>The values between spare columns of NaN.</summary>
        private DeviceView Spread(DeviceScratch scratch, int rows, int columns, double[] values, ElementType type)
        {
            var wide = new double[rows * Pitch(columns)];
            Array.Fill(wide, double.NaN);
            for (var row = 0; row < rows; row++)
                Array.Copy(values, row * columns, wide, row * Pitch(columns) + _spare, columns);
            return scratch.Matrix(rows, Pitch(columns), wide, type);
        }

        private float[] Narrow(float[] wide, int rows, int columns)
        {
            var values = new float[rows * columns];
            for (var row = 0; row < rows; row++)
                Array.Copy(wide, row * Pitch(columns) + _spare, values, row * columns, columns);
            return values;
        }
    }
}

public sealed class LinearTests_Fast(CudaFastFamily family) : LinearTests(family), IClassFixture<CudaFastFamily>;

public sealed class LinearTests_Checked(CudaCheckedFamily family) : LinearTests(family), IClassFixture<CudaCheckedFamily>;
