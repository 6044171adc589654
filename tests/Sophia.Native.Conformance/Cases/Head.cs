using Sophia.Native.Objectives;
using Sophia.Native.Reference;
using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> HeadCases()
    {
        (int Rows, int Channels, int Vocabulary, int Chunk, float Temperature)[] shapes =
            [(0, 8, 5, 2, 1f), (1, 1, 1, 1, 1f), (2, 3, 1010, 1, 1f), (1, 64, 300, 1, 1f), (3, 17, 31, 2, 0.7f), (7, 33, 257, 16, 1f), (20, 64, 128, 7, 1.5f), (37, 16, 1031, 8, 1f), (66, 40, 2003, 32, 1f), (9, 32, 50, 2, 0.02f)];
        foreach (var (rows, channels, vocabulary, chunk, temperature) in shapes)
        {
            foreach (var withEntropies in (bool[])[true, false])
                yield return HeadForwardCase(rows, channels, vocabulary, chunk, temperature, withEntropies);
            foreach (var frozen in (bool[])[false, true])
                yield return HeadObjectiveCase(rows, channels, vocabulary, chunk, new ObjectiveOptions { Temperature = temperature }, frozen);
        }
        foreach (var ratio in Enum.GetValues<ImportanceRatio>())
        {
            foreach (var divergence in Enum.GetValues<DivergenceEstimator>())
            {
                var options = new ObjectiveOptions { Ratio = ratio, Divergence = divergence, DivergenceCoefficient = 0.1f, Temperature = 0.9f };
                yield return HeadObjectiveCase(13, 24, 67, 5, options, false);
                yield return HeadObjectiveCase(13, 24, 67, 5, options with { ClipLow = 0.8f, ClipHigh = 1.28f }, false);
            }
        }
    }

    /// <summary>The error of a log-probability: two logits of C products of values between -1 and 1, whose size is about sqrt(C) / T, and the logarithm of a sum of V exponentials.</summary>
    private static double LogProbabilityError(int channels, int vocabulary, double temperature) =>
        (2 * Rounding.UnitProduct(channels) + 4 * Math.Sqrt(channels) * Rounding.Unit) / temperature + 6 * Rounding.Unit * (2 + Math.Log(vocabulary));

    private static OperationCase HeadForwardCase(int rows, int channels, int vocabulary, int chunk, float temperature, bool withEntropies) =>
        new("HeadForward", $"[{rows}, {channels}] x {vocabulary}, chunks of {chunk}, temperature {temperature}" + (withEntropies ? "" : ", no entropies"), (instance, random) =>
        {
            var error = LogProbabilityError(channels, vocabulary, temperature);
            const string source = "two logits of C products and the logarithm of a sum of V exponentials";
            var logProbabilities = instance.OutputVector("logProbabilities", rows).PerRow().Within(0, error, source);
            var entropies = withEntropies ? instance.OutputVector("entropies", rows).PerRow().Optional().Within(0, 2 * error, source) : null;
            var hidden = instance.Input("hidden", rows, channels, random.Uniform(rows * channels)).Stored().PerRow();
            var weight = instance.Input("weight", vocabulary, channels, random.Uniform(vocabulary * channels)).Stored();
            var targets = instance.Indices("targets", random.Integers(rows, rows > 1 ? -1 : 0, vocabulary)).PerRow();
            var workspace = instance.Workspace("workspace", chunk, vocabulary).FreeRows();
            instance.Invoke = (backend, view) => backend.HeadForward(view(logProbabilities), view(entropies), view(hidden), view(weight), view(targets), view(workspace), temperature);
            instance.Reference = () =>
                HeadForward(logProbabilities.Expected, entropies is null ? default : entropies.Expected, hidden.Values, weight.Values, targets.Integers, temperature, channels, vocabulary);
        });

    private static OperationCase HeadObjectiveCase(int rows, int channels, int vocabulary, int chunk, ObjectiveOptions options, bool frozen)
    {
        var name = $"[{rows}, {channels}] x {vocabulary}, chunks of {chunk}, ratio {options.Ratio}, clip [{options.ClipLow}, {options.ClipHigh}], divergence {options.Divergence}, temperature {options.Temperature}";
        return new("HeadObjective", name + (frozen ? ", frozen" : ""), (instance, random) =>
        {
            var error = LogProbabilityError(channels, vocabulary, options.Temperature);
            const string source = "the error of a log-probability, of the largest value; a gradient also sums over V or over rows";
            var dHidden = instance.Output("dHidden", rows, channels).Stored().PerRow().Within(error + Rounding.Sum(vocabulary), 1e-7, source);
            var dWeight = frozen ? null : instance.Accumulated("dWeight", vocabulary, channels, random.Uniform(vocabulary * channels)).Optional().Within(error + Rounding.Sum(rows), 1e-7, source);
            var logProbabilities = instance.OutputVector("LogProbabilities", rows).PerRow().Within(0, error, source);
            var entropies = instance.OutputVector("Entropies", rows).PerRow().Within(0, 2 * error, source);
            var losses = instance.OutputVector("Losses", rows).PerRow().Within(4 * error, error, source);
            var ratios = instance.OutputVector("Ratios", rows).PerRow().Within(2 * error, 0, source);
            var hidden = instance.Input("hidden", rows, channels, random.Uniform(rows * channels)).Stored().PerRow();
            var weight = instance.Input("weight", vocabulary, channels, random.Uniform(vocabulary * channels)).Stored();
            var targets = instance.Indices("Targets", random.Integers(rows, rows > 1 ? -1 : 0, vocabulary)).PerRow();
            var weights = instance.InputVector("Weights", random.Uniform(rows, -1.0, 2.0)).PerRow();
            var factors = random.Uniform(rows, 0.2, 1.0);
            for (var n = 2; n < rows; n += 5)
                factors[n] = 0.0;
            var normalizers = instance.InputVector("Normalizers", factors).PerRow();
            var own = new double[rows];
            HeadForward(own, default, hidden.Values, weight.Values, targets.Integers, options.Temperature, channels, vocabulary);
            Argument? Near(bool needed, string argument)
            {
                var offsets = random.Uniform(rows, -0.6, 0.6);
                for (var n = 0; n < rows; n++)
                    offsets[n] = (float)Math.Min(0.0, own[n] + offsets[n]);
                return needed ? instance.InputVector(argument, offsets).PerRow() : null;
            }
            var behavior = Near(options.Ratio is ImportanceRatio.Token or ImportanceRatio.Multiple, "BehaviorLogProbabilities");
            var snapshot = Near(options.Ratio is ImportanceRatio.Multiple, "SnapshotLogProbabilities");
            var reference = Near(options.Divergence != DivergenceEstimator.None, "ReferenceLogProbabilities");
            var sequenceLogRatios = options.Ratio == ImportanceRatio.Sequence ? instance.InputVector("SequenceLogRatios", random.Uniform(rows, -0.6, 0.6)).PerRow() : null;
            var workspace = instance.Workspace("workspace", chunk, vocabulary).FreeRows();
            instance.Invoke = (backend, view) =>
            {
                var results = new ObjectiveResults { LogProbabilities = view(logProbabilities), Entropies = view(entropies), Losses = view(losses), Ratios = view(ratios) };
                var inputs = new ObjectiveInputs
                {
                    Targets = view(targets), Weights = view(weights), Normalizers = view(normalizers), BehaviorLogProbabilities = view(behavior), SnapshotLogProbabilities = view(snapshot),
                    ReferenceLogProbabilities = view(reference), SequenceLogRatios = view(sequenceLogRatios),
                };
                backend.HeadObjective(view(dHidden), view(dWeight), results, view(hidden), view(weight), inputs, view(workspace), options);
            };
            void Objective(double[] hiddenGradients, double[]? weightGradients, ReferenceTerms terms) => HeadObjective(hiddenGradients, weightGradients, logProbabilities.Expected, entropies.Expected,
                losses.Expected, ratios.Expected, hidden.Values, weight.Values, targets.Integers, weights.Values, normalizers.Values, behavior?.Values, snapshot?.Values, reference?.Values,
                sequenceLogRatios?.Values, ReferenceOptions(options), options.Temperature, channels, vocabulary, terms);
            instance.Reference = () =>
            {
                Objective(dHidden.Expected, dWeight?.Expected, ReferenceTerms.Values);
                // The gradient of the logits is rounded before its products.
                dHidden.TermsAreRounded((sums, terms) => Objective(sums, null, terms));
                dWeight?.TermsAreRounded((sums, terms) => Objective(new double[rows * channels], sums, terms));
                dHidden.MagnitudeOfLargest();
                dWeight?.MagnitudeOfLargest();
                losses.MagnitudeOfLargest();
                ratios.MagnitudeOfLargest();
            };
        });
    }

    internal static ReferenceObjective ReferenceOptions(ObjectiveOptions options) =>
        new((ReferenceRatio)options.Ratio, options.ClipLow, options.ClipHigh, (ReferenceDivergence)options.Divergence, options.DivergenceCoefficient);
}
