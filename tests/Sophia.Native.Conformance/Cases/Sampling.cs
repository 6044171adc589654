using Sophia.Native.Reference;
using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    /// <summary>Scores nearer than this may be ordered otherwise by fp32 rounding: such a row is drawn again.</summary>
    private const double SamplingMargin = 2e-3;

    private static IEnumerable<OperationCase> SamplingCases()
    {
        SamplingOptions[] options =
        [
            new() { Temperature = 0f },
            new() { Temperature = 1f },
            new() { Temperature = 0.6f },
            new() { Temperature = 1.3f, TopK = 5 },
            new() { Temperature = 1f, TopK = 1 },
            new() { Temperature = 1f, TopP = 0.8f },
            new() { Temperature = 1f, MinP = 0.1f },
            new() { Temperature = 0.9f, TopK = 20, TopP = 0.7f, MinP = 0.05f },
        ];
        (int Rows, int Vocabulary)[] shapes = [(0, 5), (1, 1), (1, 33), (3, 7), (17, 258), (6, 1031)];
        foreach (var (rows, vocabulary) in shapes)
        {
            foreach (var entry in options)
            {
                var name = $"[{rows}, {vocabulary}] temperature {entry.Temperature}, top-k {entry.TopK}, top-p {entry.TopP}, min-p {entry.MinP}";
                yield return new("SampleTokens", name, (instance, random) =>
                {
                    var drawn = entry with { Seed = ((ulong)random.Next(0, int.MaxValue) << 32) | (uint)random.Next(0, int.MaxValue) };
                    var reference = new ReferenceSampling(drawn.Temperature, drawn.TopK, drawn.TopP, drawn.MinP, drawn.Seed);
                    var tokens = instance.OutputVector("tokens", rows, ElementType.Int32).PerRow();
                    var error = 6 * Rounding.Unit * (2 + Math.Log(vocabulary) + 4 / Math.Max(0.6, entry.Temperature));
                    var logProbabilities = instance.OutputVector("logProbabilities", rows).PerRow().Within(0, error, "logits up to 4 / T and the logarithm of a sum of V exponentials");
                    var numbers = random.Integers(rows, 0, 1000);
                    var places = random.Integers(rows, 0, 1000);
                    var logits = instance.Updated("logits", rows, vocabulary, ClearLogits(random, rows, vocabulary, numbers, places, reference)).PerRow().FreeColumns()
                        .Within(2 * Rounding.Unit, 0, "one division, or a product with a rounded reciprocal: 2 u");
                    var samples = instance.Indices("samples", numbers).PerRow();
                    var positions = instance.Indices("positions", places).PerRow();
                    instance.CanRepeat = false;
                    instance.Invoke = (backend, view) => backend.SampleTokens(view(tokens), view(logProbabilities), view(logits), view(samples), view(positions), drawn);
                    instance.Reference = () =>
                    {
                        var ids = new int[rows];
                        SampleTokens(ids, logProbabilities.Expected, logits.Expected, new double[rows], numbers, places, reference, vocabulary);
                        for (var n = 0; n < rows; n++)
                            tokens.Expected[n] = ids[n];
                    };
                });
            }
        }
    }

    /// <summary>Random logits whose choice does not hang on rounding.</summary>
    private static double[] ClearLogits(CaseRandom random, int rows, int vocabulary, int[] samples, int[] positions, ReferenceSampling sampling)
    {
        var logits = new double[rows * vocabulary];
        for (var n = 0; n < rows; n++)
        {
            var margin = new double[1];
            do
            {
                var row = random.Uniform(vocabulary, -4.0, 4.0);
                row.CopyTo(logits, n * vocabulary);
                SampleTokens(new int[1], new double[1], row, margin, samples.AsSpan(n, 1), positions.AsSpan(n, 1), sampling, vocabulary);
            }
            while (margin[0] < SamplingMargin);
        }
        return logits;
    }
}
