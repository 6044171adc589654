using Sophia.Native.Objectives;
using Xunit;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    [Theory]
    [StorageData]
    public void The_size_of_the_heads_workspace_changes_no_bit(ElementType storage)
    {
        Needs(nameof(Backend.HeadForward), nameof(Backend.HeadObjective));
        const int rows = 23, channels = 40, vocabulary = 211;
        var random = ConformanceSeed.For("head chunks");
        var (hidden, weight, targets) = (random.Uniform(rows * channels), random.Uniform(vocabulary * channels), random.Integers(rows, -1, vocabulary));
        float[][]? expected = null;
        foreach (var backend in Equivalents)
        {
            foreach (var chunk in (ReadOnlySpan<int>)[rows, 1, 2, 7, 16, 50])
            {
                using var scratch = new DeviceScratch(backend);
                var found = HeadResults(backend, scratch, storage, rows, channels, vocabulary, hidden, weight, targets, chunk);
                expected ??= found;
                for (var i = 0; i < found.Length; i++)
                    Bits.Equal(expected[i], found[i], $"result {i} of the head with a workspace of {chunk} rows on {backend.Description}");
            }
        }
    }

    [Theory]
    [StorageData]
    public void The_objectives_log_probabilities_are_those_of_the_forward_head(ElementType storage)
    {
        Needs(nameof(Backend.HeadForward), nameof(Backend.HeadObjective));
        const int rows = 23, channels = 40, vocabulary = 211;
        var random = ConformanceSeed.For("head against objective");
        using var scratch = new DeviceScratch(Subject);
        var found = HeadResults(Subject, scratch, storage, rows, channels, vocabulary, random.Uniform(rows * channels), random.Uniform(vocabulary * channels), random.Integers(rows, -1, vocabulary), 6);
        Bits.Equal(found[0], found[2], $"log-probabilities on {Subject.Description}");
        Bits.Equal(found[1], found[3], $"entropies on {Subject.Description}");
    }

    /// <summary>Log-probabilities and entropies of the forward head, those of the objective, its losses, ratios and dHidden.</summary>
    private float[][] HeadResults(Backend backend, DeviceScratch scratch, ElementType storage, int rows, int channels, int vocabulary, double[] hiddenValues, double[] weightValues, int[] targetIds, int chunk)
    {
        const float temperature = 0.8f;
        var (hidden, weight, targets) = (scratch.Matrix(rows, channels, hiddenValues, storage), scratch.Matrix(vocabulary, channels, weightValues, storage), scratch.Indices(targetIds));
        var ones = new double[rows];
        Array.Fill(ones, 1.0);
        var workspace = scratch.Empty(chunk, vocabulary);
        var (logProbabilities, entropies, dHidden) = (scratch.Empty(1, rows), scratch.Empty(1, rows), scratch.Empty(rows, channels, storage));
        var results = new ObjectiveResults { LogProbabilities = scratch.Empty(1, rows), Entropies = scratch.Empty(1, rows), Losses = scratch.Empty(1, rows), Ratios = scratch.Empty(1, rows) };
        var inputs = new ObjectiveInputs { Targets = targets, Weights = scratch.Vector(ones), Normalizers = scratch.Vector(ones) };
        Run(() =>
        {
            backend.HeadForward(logProbabilities, entropies, hidden, weight, targets, workspace, temperature);
            backend.HeadObjective(dHidden, default, results, hidden, weight, inputs, workspace, new ObjectiveOptions { Temperature = temperature });
        });
        return
        [
            scratch.Read(logProbabilities), scratch.Read(entropies), scratch.Read(results.LogProbabilities), scratch.Read(results.Entropies), scratch.Read(results.Losses), scratch.Read(results.Ratios),
            scratch.Read(dHidden),
        ];
    }
}
