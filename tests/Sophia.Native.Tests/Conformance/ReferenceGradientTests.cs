using Sophia.Native.Reference;
using static Sophia.Native.Reference.ReferenceOperations;
using static Sophia.Native.Tests.Conformance.FiniteDifferences;

namespace Sophia.Native.Tests.Conformance;

/// <summary>Every backward pass of the reference against finite differences of its forward pass; the loss is the dot product of the output with a random dOutput.</summary>
public sealed class ReferenceGradientTests
{
    private readonly Random _random = new(20250716);

    [Fact]
    public void Linear()
    {
        const int rows = 3, channels = 5, outputs = 4;
        var (input, weight, bias, dOutput) = (Some(rows * channels), Some(outputs * channels), Some(outputs), Some(rows * outputs));
        double Loss()
        {
            var output = new double[rows * outputs];
            LinearForward(output, input, weight, bias, rows, channels, outputs);
            return Dot(output, dOutput);
        }
        var (dInput, dWeight, dBias) = (new double[input.Length], new double[weight.Length], new double[outputs]);
        LinearBackwardInput(dInput, dOutput, weight, false, rows, channels, outputs);
        LinearBackwardWeight(dWeight, dOutput, input, rows, channels, outputs);
        LinearBackwardBias(dBias, dOutput, rows, outputs);
        Check("dInput", input, Loss, dInput);
        Check("dWeight", weight, Loss, dWeight);
        Check("dBias", bias, Loss, dBias);
    }

    [Fact]
    public void RmsNorm()
    {
        const int rows = 3, channels = 7;
        const double epsilon = 0.01;
        var (input, weight, dOutput) = (Some(rows * channels), Some(channels), Some(rows * channels));
        var inverseRms = new double[rows];
        double Loss()
        {
            var output = new double[rows * channels];
            RmsNormForward(output, default, input, weight, epsilon, rows, channels);
            return Dot(output, dOutput);
        }
        RmsNormForward(new double[rows * channels], inverseRms, input, weight, epsilon, rows, channels);
        var (dInput, dWeight) = (new double[input.Length], new double[channels]);
        RmsNormBackward(dInput, dWeight, dOutput, input, weight, inverseRms, false, rows, channels);
        Check("dInput", input, Loss, dInput);
        Check("dWeight", weight, Loss, dWeight);
    }

    [Fact]
    public void LayerNorm()
    {
        const int rows = 3, channels = 7;
        const double epsilon = 0.01;
        var (input, weight, bias, dOutput) = (Some(rows * channels), Some(channels), Some(channels), Some(rows * channels));
        var (mean, inverseDeviation) = (new double[rows], new double[rows]);
        double Loss()
        {
            var output = new double[rows * channels];
            LayerNormForward(output, default, default, input, weight, bias, epsilon, rows, channels);
            return Dot(output, dOutput);
        }
        LayerNormForward(new double[rows * channels], mean, inverseDeviation, input, weight, bias, epsilon, rows, channels);
        var (dInput, dWeight, dBias) = (new double[input.Length], new double[channels], new double[channels]);
        LayerNormBackward(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation, false, rows, channels);
        Check("dInput", input, Loss, dInput);
        Check("dWeight", weight, Loss, dWeight);
        Check("dBias", bias, Loss, dBias);
    }

    [Fact]
    public void Rope_by_the_opposite_angle()
    {
        const int rows = 3, heads = 2, headSize = 6;
        var (values, dOutput, angles) = (Some(rows * heads * headSize), Some(rows * heads * headSize), Some(4 * headSize / 2));
        var table = new double[4 * headSize];
        for (var i = 0; i < angles.Length; i++)
        {
            var at = i / (headSize / 2) * headSize + i % (headSize / 2);
            (table[at], table[at + headSize / 2]) = (Math.Cos(angles[i]), Math.Sin(angles[i]));
        }
        int[] positions = [3, 0, 2];
        double Loss()
        {
            var output = (double[])values.Clone();
            Rope(output, table, positions, false, rows, heads, headSize);
            return Dot(output, dOutput);
        }
        var dValues = (double[])dOutput.Clone();
        Rope(dValues, table, positions, true, rows, heads, headSize);
        Check("dValues", values, Loss, dValues);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Attention(bool causal)
    {
        const int heads = 4, keyHeads = 2, headSize = 3, queries = 7, keys = 11;
        const double scale = 0.7;
        int[] queryOffsets = [0, 3, 3, 7];
        int[] keyOffsets = [6, 0, 0];
        int[] keyLengths = [5, 0, 4];
        var (query, key, value, dOutput) = (Some(queries * heads * headSize), Some(keys * keyHeads * headSize), Some(keys * keyHeads * headSize), Some(queries * heads * headSize));
        var (output, logSumExp) = (new double[query.Length], new double[queries * heads]);
        double Loss()
        {
            var mixed = new double[query.Length];
            AttentionForward(mixed, default, query, key, value, queryOffsets, keyOffsets, keyLengths, causal, heads, keyHeads, headSize, scale);
            return Dot(mixed, dOutput);
        }
        AttentionForward(output, logSumExp, query, key, value, queryOffsets, keyOffsets, keyLengths, causal, heads, keyHeads, headSize, scale);
        var (dQuery, dKey, dValue) = (new double[query.Length], new double[key.Length], new double[value.Length]);
        AttentionBackward(dQuery, dKey, dValue, dOutput, query, key, value, output, logSumExp, queryOffsets, keyOffsets, keyLengths, causal, heads, keyHeads, headSize, scale);
        Check("dQuery", query, Loss, dQuery);
        Check("dKey", key, Loss, dKey);
        Check("dValue", value, Loss, dValue);
    }

    [Fact]
    public void SwiGlu()
    {
        const int rows = 3, columns = 5;
        var (gateUp, dOutput) = (Some(rows * 2 * columns, -4, 4), Some(rows * columns));
        double Loss()
        {
            var output = new double[rows * columns];
            SwiGluForward(output, gateUp, rows, columns);
            return Dot(output, dOutput);
        }
        var dGateUp = new double[gateUp.Length];
        SwiGluBackward(dGateUp, dOutput, gateUp, rows, columns);
        Check("dGateUp", gateUp, Loss, dGateUp);
    }

    [Fact]
    public void Gelu()
    {
        var (input, dOutput) = (Some(40, -5, 5), Some(40));
        double Loss()
        {
            var output = new double[input.Length];
            GeluForward(output, input);
            return Dot(output, dOutput);
        }
        var dInput = new double[input.Length];
        GeluBackward(dInput, dOutput, input);
        Check("dInput", input, Loss, dInput);
    }

    [Fact]
    public void Residual()
    {
        const int rows = 3, channels = 5;
        var (residual, branch, scale, dOutput) = (Some(rows * channels), Some(rows * channels), Some(channels), Some(rows * channels));
        double Loss()
        {
            var output = new double[rows * channels];
            ResidualForward(output, residual, branch, scale, rows, channels);
            return Dot(output, dOutput);
        }
        var (dBranch, dScale) = (new double[branch.Length], new double[channels]);
        ResidualBackward(dBranch, dScale, dOutput, branch, scale, rows, channels);
        Check("dBranch", branch, Loss, dBranch);
        Check("dScale", scale, Loss, dScale);
        Check("dResidual", residual, Loss, dOutput);
    }

    [Fact]
    public void Embedding()
    {
        const int channels = 3;
        int[] ids = [4, 1, 4, 0, 2];
        int[] visualRows = [-1, 1, -1, 0, -1];
        var (table, visual, dOutput) = (Some(6 * channels), Some(2 * channels), Some(ids.Length * channels));
        double Loss()
        {
            var output = new double[dOutput.Length];
            EmbeddingForward(output, table, ids, visual, visualRows, channels);
            return Dot(output, dOutput);
        }
        var (dTable, dVisual) = (new double[table.Length], new double[visual.Length]);
        EmbeddingBackward(dTable, dVisual, dOutput, ids, visualRows, channels);
        Check("dTable", table, Loss, dTable);
        Check("dVisual", visual, Loss, dVisual);
    }

    [Fact]
    public void VisionTokens()
    {
        const int tiles = 3, patchCount = 4, channels = 2;
        var (patches, classToken, positions, dOutput) = (Some(tiles * patchCount * channels), Some(channels), Some((1 + patchCount) * channels), Some(tiles * (1 + patchCount) * channels));
        double Loss()
        {
            var output = new double[dOutput.Length];
            VisionTokensForward(output, patches, classToken, positions, tiles, patchCount, channels);
            return Dot(output, dOutput);
        }
        var (dPatches, dClassToken, dPositions) = (new double[patches.Length], new double[channels], new double[positions.Length]);
        VisionTokensBackward(dPatches, dClassToken, dPositions, dOutput, tiles, patchCount, channels);
        Check("dPatches", patches, Loss, dPatches);
        Check("dClassToken", classToken, Loss, dClassToken);
        Check("dPositions", positions, Loss, dPositions);
    }

    [Fact]
    public void PositionInterpolation()
    {
        const int grid = 4, height = 3, width = 7, channels = 2;
        var (positions, dOutput) = (Some((1 + grid * grid) * channels), Some((1 + height * width) * channels));
        double Loss()
        {
            var output = new double[dOutput.Length];
            PositionInterpolationForward(output, positions, grid, height, width, channels);
            return Dot(output, dOutput);
        }
        var dPositions = new double[positions.Length];
        PositionInterpolationBackward(dPositions, dOutput, grid, height, width, channels);
        Check("dPositions", positions, Loss, dPositions);
    }

    [Fact]
    public void PixelShuffle()
    {
        const int tiles = 2, height = 4, width = 6, channels = 2;
        var (input, dOutput) = (Some(tiles * (1 + height * width) * channels), Some(tiles * height * width * channels));
        double Loss()
        {
            var output = new double[dOutput.Length];
            PixelShuffleForward(output, input, tiles, height, width, channels);
            return Dot(output, dOutput);
        }
        var dInput = new double[input.Length];
        PixelShuffleBackward(dInput, dOutput, tiles, height, width, channels);
        Check("dInput", input, Loss, dInput);
    }

    /// <summary>The ratio carries no gradient, so the loss that is differentiated holds it at its value; the divergence term is differentiated as it is.</summary>
    [Theory]
    [InlineData(ReferenceRatio.One, ReferenceDivergence.None)]
    [InlineData(ReferenceRatio.Token, ReferenceDivergence.K1)]
    [InlineData(ReferenceRatio.Sequence, ReferenceDivergence.K2)]
    [InlineData(ReferenceRatio.Multiple, ReferenceDivergence.K3)]
    public void HeadObjective(ReferenceRatio ratio, ReferenceDivergence divergence)
    {
        const int rows = 5, channels = 3, vocabulary = 7;
        const double temperature = 0.8;
        int[] targets = [3, -1, 0, 6, 2];
        var objective = new ReferenceObjective(ratio, 0.8, 1.28, divergence, 0.3);
        var (hidden, weight) = (Some(rows * channels), Some(vocabulary * channels));
        var (weights, behavior, snapshot, reference, sequence) = (Some(rows), Some(rows, -3, -1), Some(rows, -3, -1), Some(rows, -3, -1), Some(rows, -0.5, 0.5));
        double[] normalizers = [0.3, 0.5, 0.0, 0.7, 0.2];
        var (dHidden, dWeight) = (new double[hidden.Length], new double[weight.Length]);
        var (logProbabilities, entropies, losses, ratios) = (new double[rows], new double[rows], new double[rows], new double[rows]);
        Reference.ReferenceOperations.HeadObjective(dHidden, dWeight, logProbabilities, entropies, losses, ratios, hidden, weight, targets, weights, normalizers, behavior, snapshot, reference, sequence,
            objective, temperature, channels, vocabulary);
        double Loss()
        {
            var (moved, sum) = (new double[rows], 0.0);
            HeadForward(moved, default, hidden, weight, targets, temperature, channels, vocabulary);
            for (var n = 0; n < rows; n++)
            {
                if (targets[n] < 0)
                    continue;
                var clipped = Math.Clamp(ratios[n], objective.ClipLow, objective.ClipHigh);
                var plain = TokenObjective(objective with { Ratio = ReferenceRatio.One, ClipLow = double.NegativeInfinity, ClipHigh = double.PositiveInfinity }, moved[n], 0, 0, 0, reference[n], clipped * weights[n]);
                sum += normalizers[n] * plain.Loss;
            }
            return sum;
        }
        Assert.Equal(Loss(), losses.Sum(), 1e-12);
        Check("dHidden", hidden, Loss, dHidden);
        Check("dWeight", weight, Loss, dWeight);
    }

    private double[] Some(int count, double low = -1.0, double high = 1.0) => Draw(_random, count, low, high);
}
