using Sophia.Native.Objectives;
using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> ObjectiveCases()
    {
        foreach (var lengths in (int[][])[[], [1], [0, 3, 0], [5, 1, 17, 2], [64, 33], [600, 3]])
        {
            yield return new("SequenceLogRatios", $"sequences of {string.Join(", ", lengths)}", (instance, random) =>
            {
                var offsets = new int[lengths.Length + 1];
                for (var b = 0; b < lengths.Length; b++)
                    offsets[b + 1] = offsets[b] + lengths[b];
                var rows = offsets[^1];
                var sequenceLogRatios = instance.OutputVector("sequenceLogRatios", rows).Within(4 * Rounding.Unit, 5 * 4 * Rounding.Unit, "a mean of differences of values up to 5: 4 u of these");
                var logProbabilities = instance.InputVector("logProbabilities", random.Uniform(rows, -5, 0));
                var behavior = instance.InputVector("behaviorLogProbabilities", random.Uniform(rows, -5, 0));
                var factors = random.Uniform(rows, 0.1, 1.0);
                for (var n = 0; n < rows; n++)
                    factors[n] = n % 3 == 0 || n >= rows - 2 ? 0.0 : factors[n];
                var normalizers = instance.InputVector("normalizers", factors);
                var bounds = instance.Indices("offsets", offsets).FreeColumns();
                instance.Invoke = (backend, view) => backend.SequenceLogRatios(view(sequenceLogRatios), view(logProbabilities), view(behavior), view(normalizers), view(bounds));
                instance.Reference = () => SequenceLogRatios(sequenceLogRatios.Expected, logProbabilities.Values, behavior.Values, normalizers.Values, offsets);
            });
        }
        foreach (var rows in (int[])[0, 1, 7, 129, 600])
        {
            foreach (var (hasBehavior, hasReference) in ((bool, bool)[])[(true, true), (false, false)])
            {
                yield return new("ObjectiveStatistics", $"{rows} tokens" + (hasBehavior ? ", behavior" : "") + (hasReference ? ", reference" : ""), (instance, random) =>
                {
                    var options = new ObjectiveOptions { Ratio = hasBehavior ? ImportanceRatio.Token : ImportanceRatio.One, ClipLow = 0.8f, ClipHigh = 1.28f };
                    var metrics = instance.UpdatedVector("metrics", random.Uniform(ObjectiveMetrics.Length, 0.0, 3.0), ElementType.Float64)
                        .Within(1e-6, 1e-5, "sums in double; k3 takes an fp32 exponential");
                    var logProbabilities = instance.InputVector("LogProbabilities", random.Uniform(rows, -5, 0));
                    var entropies = instance.InputVector("Entropies", random.Uniform(rows, 0, 4));
                    var losses = instance.InputVector("Losses", random.Uniform(rows));
                    var ratios = instance.InputVector("Ratios", RatiosInsideBins(random, rows, options));
                    var targets = instance.Indices("Targets", random.Integers(rows, -1, 6));
                    var weights = instance.InputVector("Weights", random.Uniform(rows));
                    var factors = random.Uniform(rows, 0.1, 1.0);
                    for (var n = 1; n < rows; n += 4)
                        factors[n] = 0.0;
                    var normalizers = instance.InputVector("Normalizers", factors);
                    var behavior = hasBehavior ? instance.InputVector("BehaviorLogProbabilities", random.Uniform(rows, -5, 0)) : null;
                    var reference = hasReference ? instance.InputVector("ReferenceLogProbabilities", random.Uniform(rows, -5, 0)).Optional() : null;
                    instance.Invoke = (backend, view) =>
                    {
                        var results = new ObjectiveResults { LogProbabilities = view(logProbabilities), Entropies = view(entropies), Losses = view(losses), Ratios = view(ratios) };
                        var inputs = new ObjectiveInputs
                        {
                            Targets = view(targets), Weights = view(weights), Normalizers = view(normalizers), BehaviorLogProbabilities = view(behavior), ReferenceLogProbabilities = view(reference),
                        };
                        backend.ObjectiveStatistics(view(metrics), results, inputs, options);
                    };
                    instance.Reference = () => ObjectiveStatistics(metrics.Expected, logProbabilities.Values, entropies.Values, losses.Values, ratios.Values, targets.Integers, normalizers.Values,
                        behavior?.Values, reference?.Values, options.ClipLow, options.ClipHigh);
                });
            }
        }
    }

    /// <summary>Ratios whose logarithms keep off the edges of the histogram's bins, within its range and beyond it; some lie on a bound of the clip, which is not outside.</summary>
    private static double[] RatiosInsideBins(CaseRandom random, int rows, ObjectiveOptions options)
    {
        var ratios = new double[rows];
        for (var n = 0; n < rows; n++)
            ratios[n] = n % 11 == 3 ? options.ClipLow : n % 11 == 6 ? options.ClipHigh : (float)Math.Exp((random.Next(-90, 90) + 0.2 + 0.6 * random.NextDouble()) / 16.0);
        return ratios;
    }
}
