using Sophia.Native.Conformance.Golden;
using Sophia.Native.Objectives;
using Sophia.Native.Reference;

namespace Sophia.Native.Tests.Conformance;

/// <summary>The SOPHIA objective against values computed with PyTorch in double precision, under every average.</summary>
public sealed class ObjectiveGoldenTests
{
    public static TheoryData<string, string> Cases => ObjectiveGolden.Names;

    /// <summary>Both are in double: 1e-9 of the value.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_reference_equals_the_golden_losses_gradients_and_totals(string folder, string name)
    {
        var golden = ObjectiveGolden.Read(folder, name);
        var rows = golden.Mask.Length;
        foreach (var mode in Enum.GetValues<NormalizationMode>())
        {
            var (normalizers, ratios) = (new double[rows], new double[rows]);
            ReferenceOperations.LossNormalizers(normalizers, golden.Mask, golden.Offsets, (ReferenceNormalization)mode);
            ReferenceOperations.SequenceLogRatios(ratios, golden.LogProbabilities, golden.Behavior, normalizers, golden.Offsets);
            var gradient = golden.Gradient(mode);
            var total = 0.0;
            for (var n = 0; n < rows; n++)
            {
                if (golden.Mask[n] == 0)
                    continue;
                var (loss, derivative, _) = ReferenceOperations.TokenObjective(InDouble(golden.Options), golden.LogProbabilities[n], golden.Behavior[n], golden.Snapshot[n], ratios[n],
                    golden.ReferenceModel[n], golden.Weights[n]);
                Near(golden.Losses[n], loss, 1e-9, 1e-12, $"{mode} loss of token {n}");
                if (gradient is not null)
                    Near(gradient[n], derivative * normalizers[n], 1e-9, 1e-12, $"{mode} gradient of token {n}");
                total += loss * normalizers[n];
            }
            Near(golden.Total(mode), total, 1e-9, 1e-12, $"{mode} total");
        }
    }

    /// <summary>fp32: log-probabilities up to 25 are rounded by 1e-6, and so are the logarithms of the ratios; ratios and losses by 1e-5 of their size.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_engines_token_function_and_normalizers_equal_them_in_single_precision(string folder, string name)
    {
        var golden = ObjectiveGolden.Read(folder, name);
        var rows = golden.Mask.Length;
        foreach (var mode in Enum.GetValues<NormalizationMode>())
        {
            var (normalizers, exact, sequenceLogRatios) = (new float[rows], new double[rows], new double[rows]);
            LossNormalization.Fill(normalizers, golden.Mask, golden.Offsets, mode, LossTotals.Of(golden.Mask, golden.Offsets));
            ReferenceOperations.LossNormalizers(exact, golden.Mask, golden.Offsets, (ReferenceNormalization)mode);
            ReferenceOperations.SequenceLogRatios(sequenceLogRatios, golden.LogProbabilities, golden.Behavior, exact, golden.Offsets);
            var total = 0.0;
            for (var n = 0; n < rows; n++)
            {
                Near(exact[n], normalizers[n], 1e-7, 0, $"{mode} normalizer of token {n}");
                if (golden.Mask[n] == 0)
                    continue;
                var term = TokenObjective.Evaluate(golden.Options, (float)golden.LogProbabilities[n], (float)golden.Behavior[n], (float)golden.Snapshot[n], (float)sequenceLogRatios[n],
                    (float)golden.ReferenceModel[n], (float)golden.Weights[n]);
                Near(golden.Losses[n], term.Loss, 1e-5, 1e-5, $"{mode} loss of token {n}");
                total += (double)term.Loss * normalizers[n];
            }
            Near(golden.Total(mode), total, 1e-5, 1e-5, $"{mode} total");
        }
    }

    private static ReferenceObjective InDouble(ObjectiveOptions options) =>
        new((ReferenceRatio)options.Ratio, RoundDecimal(options.ClipLow), RoundDecimal(options.ClipHigh), (ReferenceDivergence)options.Divergence, RoundDecimal(options.DivergenceCoefficient));

    /// <summary>0.8f is not 0.8: the golden values were computed with the decimal.</summary>
    private static double RoundDecimal(float value) => float.IsFinite(value) ? (double)(decimal)value : value;

    private static void Near(double expected, double found, double relative, double absolute, string what) =>
        Assert.True(Math.Abs(expected - found) <= absolute + relative * Math.Abs(expected), $"{what}: expected {expected:R}, found {found:R}");
}
