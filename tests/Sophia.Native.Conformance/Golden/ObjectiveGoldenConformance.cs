using Sophia.Native.Objectives;
using Xunit;

namespace Sophia.Native.Conformance.Golden;

/// <summary>The fused head of a backend against the golden objectives, which were computed with PyTorch in double precision, under every average.</summary>
/// <param name="family">The backend under test.</param>
public abstract class ObjectiveGoldenConformance(BackendFamily family)
{
    /// <summary>Folder and name of every case.</summary>
    public static TheoryData<string, string> Cases => ObjectiveGolden.Names;

    /// <summary>
    /// A vocabulary of two whose logits are x and 0 has log p = -log(1 + exp(-x)), so any log-probability can be handed to the head; d loss / d x = d loss / d log p * (1 - p).
    /// Rounding x moves a log-probability by at most 25 * 6e-8; ratios, losses and gradients follow by 2e-5 of their size; 1 - p is good to 1e-7.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_fused_head_equals_the_golden_losses_gradients_and_totals(string folder, string name)
    {
        if (family.WhyOmitted("HeadObjective", null) is { } reason)
            Assert.Skip(reason);
        var golden = ObjectiveGolden.Read(folder, name);
        var rows = golden.Mask.Length;
        var backend = family.Subject;
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

    private static void Near(double expected, double found, double relative, double absolute, string what) =>
        Assert.True(Math.Abs(expected - found) <= absolute + relative * Math.Abs(expected), $"{what}: expected {expected:R}, found {found:R}");
}
