using Sophia.Native.Objectives;
using Sophia.Native.Reference;

namespace Sophia.Native.Tests.Conformance;

/// <summary>The SOPHIA objective against values computed with PyTorch in double precision, under every average.</summary>
public sealed class ObjectiveGoldenTests
{
    public static TheoryData<string, string> Cases => ObjectiveGolden.Names;

    public static TheoryData<string, string, string> CasesOnPaths
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            foreach (var row in ObjectiveGolden.Names)
            {
                foreach (var path in (string[])["avx512", "portable"])
                    rows.Add(row.Data.Item1, row.Data.Item2, path);
            }
            return rows;
        }
    }

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

    /// <summary>
    /// A vocabulary of two whose logits are x and 0 has log p = -log(1 + exp(-x)), so any log-probability can be handed to the head; d loss / d x = d loss / d log p * (1 - p).
    /// Rounding x moves a log-probability by at most 25 * 6e-8; ratios, losses and gradients follow by 2e-5 of their size; 1 - p is good to 1e-7.
    /// </summary>
    [Theory]
    [MemberData(nameof(CasesOnPaths))]
    public void The_fused_head_on_the_processor_equals_them(string folder, string name, string path)
    {
        var golden = ObjectiveGolden.Read(folder, name);
        var rows = golden.Mask.Length;
        using var backend = OpenOrSkip(path);
        foreach (var mode in Enum.GetValues<NormalizationMode>())
        {
            var normalizers = new float[rows];
            LossNormalization.Fill(normalizers, golden.Mask, golden.Offsets, mode, LossTotals.Of(golden.Mask, golden.Offsets));
            var (losses, dHidden) = RunHead(backend, golden, normalizers);
            var gradient = golden.Gradient(mode);
            var total = 0.0;
            for (var n = 0; n < rows; n++)
            {
                total += losses[n];
                if (golden.Mask[n] == 0)
                {
                    Assert.Equal(0f, losses[n]);
                    Assert.Equal(0f, dHidden[n]);
                    continue;
                }
                Near(golden.Losses[n] * normalizers[n], losses[n], 2e-5, 2e-5 * normalizers[n], $"{mode} loss of token {n}");
                if (gradient is not null)
                    Near(gradient[n] * -double.ExpM1(golden.LogProbabilities[n]), dHidden[n], 2e-5, 1e-6 * Math.Abs(gradient[n]) + 1e-7 * normalizers[n], $"{mode} gradient of token {n}");
            }
            Near(golden.Total(mode), total, 2e-5, 2e-5, $"{mode} total");
        }
    }

    private static (float[] Losses, float[] DHidden) RunHead(Backend backend, ObjectiveGolden golden, float[] normalizers)
    {
        var rows = normalizers.Length;
        using var buffer = backend.Allocate(32L * 1024 + 4L * 20 * rows);
        var used = 0L;
        DeviceView Take(long count, ElementType type = ElementType.Float32)
        {
            var view = new DeviceView(buffer, used, 1, count, count, type);
            used += (count * 4 + 63) / 64 * 64;
            return view;
        }
        DeviceView Upload(double[] values)
        {
            var view = Take(values.Length);
            backend.Upload<float>(view, Array.ConvertAll(values, value => (float)value));
            return view;
        }
        var hidden = Upload(Array.ConvertAll(golden.LogProbabilities, value => value < 0.0 ? -Math.Log(double.ExpM1(-value)) : 80.0)).Reshape(rows, 1);
        var weight = Upload([1.0, 0.0]).Reshape(2, 1);
        var (targets, offsets) = (Take(rows, ElementType.Int32), Take(golden.Offsets.Length, ElementType.Int32));
        backend.Upload<int>(targets, new int[rows]);
        backend.Upload<int>(offsets, golden.Offsets);
        var behavior = Upload(golden.Behavior);
        var factors = Upload(Array.ConvertAll(normalizers, value => (double)value));
        var (sequenceLogRatios, logProbabilities, workspace) = (Take(rows), Take(rows), Take(2 * 50).Reshape(50, 2));
        backend.HeadForward(logProbabilities, default, hidden, weight, targets, workspace);
        backend.SequenceLogRatios(sequenceLogRatios, logProbabilities, behavior, factors, offsets);
        var inputs = new ObjectiveInputs
        {
            Targets = targets, Weights = Upload(golden.Weights), Normalizers = factors, BehaviorLogProbabilities = behavior, SnapshotLogProbabilities = Upload(golden.Snapshot),
            ReferenceLogProbabilities = Upload(golden.ReferenceModel), SequenceLogRatios = sequenceLogRatios,
        };
        var results = new ObjectiveResults { LogProbabilities = logProbabilities, Entropies = Take(rows), Losses = Take(rows), Ratios = Take(rows) };
        var dHidden = Take(rows).Reshape(rows, 1);
        backend.HeadObjective(dHidden, default, results, hidden, weight, inputs, workspace, golden.Options);
        var (losses, gradients) = (new float[rows], new float[rows]);
        backend.Download<float>(losses, results.Losses);
        backend.Download<float>(gradients, dHidden);
        return (losses, gradients);
    }

    private static Backend OpenOrSkip(string path)
    {
        try
        {
            return Backend.Open("cpu", new BackendOptions { Threads = 2, CpuPath = path });
        }
        catch (BackendUnavailableException unavailable)
        {
            Assert.Skip(unavailable.Message);
            throw;
        }
    }

    private static ReferenceObjective InDouble(ObjectiveOptions options) =>
        new((ReferenceRatio)options.Ratio, RoundDecimal(options.ClipLow), RoundDecimal(options.ClipHigh), (ReferenceDivergence)options.Divergence, RoundDecimal(options.DivergenceCoefficient));

    /// <summary>0.8f is not 0.8: the golden values were computed with the decimal.</summary>
    private static double RoundDecimal(float value) => float.IsFinite(value) ? (double)(decimal)value : value;

    private static void Near(double expected, double found, double relative, double absolute, string what) =>
        Assert.True(Math.Abs(expected - found) <= absolute + relative * Math.Abs(expected), $"{what}: expected {expected:R}, found {found:R}");
}
