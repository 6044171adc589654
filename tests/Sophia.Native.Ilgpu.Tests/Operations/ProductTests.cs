namespace Sophia.Native.Ilgpu.Tests.Operations;

/// <summary>Every kernel of a product has one chain over k, so all of them give the same bits.</summary>
public sealed class ProductTests
{
    [Theory]
    [InlineData(1, 37, 70)]
    [InlineData(4, 33, 65)]
    [InlineData(5, 16, 64)]
    [InlineData(19, 41, 130)]
    public void Products_with_and_without_barriers_have_the_same_bits_for_any_number_of_rows(int rows, int columns, int depth)
    {
        var random = new Random(rows * 1000 + columns);
        var input = Values(random, rows * depth);
        var weight = Values(random, columns * depth);
        var bias = Values(random, columns);
        using var direct = IlgpuBackend.Open(new() { Device = "cpu" });
        using var tiled = IlgpuBackend.Open(new() { Device = "cpu", TakesBarriers = true });
        var expected = Multiply(direct, rows, rows, columns, depth, input, weight, bias);
        Assert.Equal(expected, Multiply(tiled, rows, rows, columns, depth, input, weight, bias));
        Assert.Equal(expected, Multiply(tiled, 1, rows, columns, depth, input, weight, bias));
        Assert.Equal(expected, Multiply(tiled, 3, rows, columns, depth, input, weight, bias));
    }

    /// <summary>The bits of a product that is made by so many rows at a time.</summary>
    private static int[] Multiply(IlgpuBackend backend, int step, int rows, int columns, int depth, float[] input, float[] weight, float[] bias)
    {
        using var memory = backend.Allocate(sizeof(float) * (rows * depth + columns * depth + columns + rows * columns));
        var all = memory.AsView();
        var inputView = all.ColumnRange(0, rows * depth).Reshape(rows, depth);
        var weightView = all.ColumnRange(rows * depth, columns * depth).Reshape(columns, depth);
        var biasView = all.ColumnRange((rows + columns) * depth, columns);
        var output = all.ColumnRange((rows + columns) * depth + columns, rows * columns).Reshape(rows, columns);
        backend.Upload<float>(inputView, input);
        backend.Upload<float>(weightView, weight);
        backend.Upload<float>(biasView, bias);
        for (var first = 0; first < rows; first += step)
        {
            var count = Math.Min(step, rows - first);
            backend.LinearForward(output.RowRange(first, count), inputView.RowRange(first, count), weightView, biasView);
        }
        var bits = new int[rows * columns];
        backend.Download<int>(bits, output);
        return bits;
    }

    private static float[] Values(Random random, int count)
    {
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
            value = 2 * random.NextSingle() - 1;
        return values;
    }
}
