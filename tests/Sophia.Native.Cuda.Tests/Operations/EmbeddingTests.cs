using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>What the shapes of the conformance table do not reach: tokens of several tiles of the sort, long chains of one id, and ids that only the device sees.</summary>
public abstract class EmbeddingTests(CudaFamily family)
{
    private const int Channels = 5;

    /// <summary>A tile and one token, a full tile of three ids, three tiles of a single id, ids that are nearly all different.</summary>
    [Theory]
    [InlineData(2049, 700)]
    [InlineData(2048, 3)]
    [InlineData(4100, 1)]
    [InlineData(4100, 5000)]
    public void The_table_gets_the_bits_of_the_processors_sums_in_the_order_of_the_tokens(int rows, int vocabulary)
    {
        Needs("EmbeddingBackward");
        float[] Scatter(Backend backend)
        {
            var random = ConformanceSeed.For($"scatter {rows} {vocabulary}");
            using var scratch = new DeviceScratch(backend);
            var dTable = scratch.Matrix(vocabulary, Channels, random.Uniform(vocabulary * Channels));
            var dOutput = scratch.Matrix(rows, Channels, random.Uniform(rows * Channels));
            var visualRows = Array.ConvertAll(random.Integers(rows, 0, 5), draw => draw == 0 ? 1 : -1);
            backend.EmbeddingBackward(dTable, default, dOutput, scratch.Indices(random.Integers(rows, 0, vocabulary)), scratch.Indices(visualRows));
            return scratch.Read(dTable);
        }
        using var cpu = Backend.Open("cpu");
        var expected = Scatter(cpu);
        foreach (var backend in family.Equivalents)
            Bits.Equal(expected, Scatter(backend), $"{rows} tokens of {vocabulary} ids on {backend.Description}");
    }

    /// <summary>The first id behind the table, a negative one, the first row behind the visual embeddings.</summary>
    [Theory]
    [InlineData(0, 9, -1)]
    [InlineData(1, -1, -1)]
    [InlineData(2, 0, 2)]
    public void A_bad_id_or_visual_row_is_reported_and_does_no_harm(int place, int id, int visualRow)
    {
        Needs("EmbeddingForward", "EmbeddingBackward");
        int[] ids = [3, 8, 0, 8], visualRows = [-1, -1, 1, -1];
        (ids[place], visualRows[place]) = (id, visualRow);
        var random = ConformanceSeed.For($"bad id {place}");
        var (table, visual, dOutput) = (random.Uniform(9 * Channels), random.Uniform(2 * Channels), random.Uniform(4 * Channels));
        foreach (var backend in family.Equivalents)
        {
            using var scratch = new DeviceScratch(backend);
            var output = scratch.Empty(4, Channels);
            backend.EmbeddingForward(output, scratch.Matrix(9, Channels, table), scratch.Indices(ids), scratch.Matrix(2, Channels, visual), scratch.Indices(visualRows));
            Assert.StartsWith("EmbeddingForward: ", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);
            var (dTable, dVisual) = (scratch.Matrix(9, Channels, new double[9 * Channels]), scratch.Matrix(2, Channels, new double[2 * Channels]));
            backend.EmbeddingBackward(dTable, dVisual, scratch.Matrix(4, Channels, dOutput), scratch.Indices(ids), scratch.Indices(visualRows));
            Assert.StartsWith("EmbeddingBackward: ", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);

            float[] expected = new float[4 * Channels], expectedTable = new float[9 * Channels], expectedVisual = new float[2 * Channels];
            for (var i = 0; i < 4 * Channels; i++)
            {
                var (n, c) = (i / Channels, i % Channels);
                if (n == place)
                    continue;
                expected[i] = (float)(visualRows[n] >= 0 ? visual[visualRows[n] * Channels + c] : table[ids[n] * Channels + c]);
                if (visualRows[n] >= 0)
                    expectedVisual[visualRows[n] * Channels + c] = (float)dOutput[i];
                else
                    expectedTable[ids[n] * Channels + c] += (float)dOutput[i];
            }
            Bits.Equal(expected, scratch.Read(output), $"output on {backend.Description}");
            Bits.Equal(expectedTable, scratch.Read(dTable), $"dTable on {backend.Description}");
            Bits.Equal(expectedVisual, scratch.Read(dVisual), $"dVisual on {backend.Description}");
        }
    }

    private void Needs(params string[] operations)
    {
        foreach (var operation in operations)
        {
            if (family.WhyOmitted(operation, null) is { } reason)
                Assert.Skip(reason);
        }
    }
}

public sealed class EmbeddingTests_Fast(CudaFastFamily family) : EmbeddingTests(family), IClassFixture<CudaFastFamily>;

public sealed class EmbeddingTests_Checked(CudaCheckedFamily family) : EmbeddingTests(family), IClassFixture<CudaCheckedFamily>;
