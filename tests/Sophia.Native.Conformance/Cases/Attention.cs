using Sophia.Native.Reference;
using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    /// <summary>A packing of sequences: how many queries and keys each has.</summary>
    private sealed record AttentionShape(string Name, int Heads, int KeyHeads, int HeadSize, bool Causal, (int Queries, int Keys)[] Sequences, double Scale = 0)
    {
        public double ScoreScale => Scale > 0 ? Scale : (float)(1.0 / Math.Sqrt(HeadSize));

        /// <summary>The rounding error of a score of values between -1 and 1, and of its exponential.</summary>
        public double ScoreError => Rounding.UnitProduct(HeadSize) * ScoreScale + 4 * Rounding.Unit;
    }

    private static readonly AttentionShape[] AttentionShapes =
    [
        new("one token", 1, 1, 16, true, [(1, 1)]),
        new("no sequence", 2, 1, 16, true, []),
        new("an empty one among others", 2, 1, 32, true, [(3, 3), (0, 0), (5, 5)]),
        new("tails of a block", 4, 2, 64, true, [(63, 63), (64, 64), (65, 65)]),
        new("long", 2, 1, 48, true, [(197, 197)]),
        new("primes, one group", 3, 3, 80, true, [(7, 7), (31, 31), (2, 2)]),
        new("many query heads", 14, 2, 64, true, [(11, 11), (1, 1)]),
        new("widest head", 2, 2, 128, true, [(70, 70)]),
        new("decoding", 4, 2, 64, true, [(1, 5), (1, 64), (1, 130), (1, 1)]),
        new("chunks of a prompt", 4, 1, 32, true, [(5, 12), (16, 80), (3, 67)]),
        new("both ways", 2, 2, 64, false, [(17, 17), (65, 65), (1, 1)]),
        new("both ways, other keys", 4, 2, 16, false, [(3, 70), (9, 1), (2, 0)]),
        new("sharp scores", 2, 1, 16, true, [(33, 33)], 8),
    ];

    private static IEnumerable<OperationCase> AttentionCases()
    {
        foreach (var shape in AttentionShapes)
        {
            foreach (var saved in (bool[])[true, false])
                yield return AttentionForwardCase(shape, saved);
            yield return AttentionBackwardCase(shape);
        }
        (int Rows, int Slots, int Columns)[] appends = [(0, 4, 16), (1, 1, 16), (3, 9, 48), (17, 40, 128), (5, 5, 33)];
        foreach (var (rows, slots, columns) in appends)
        {
            yield return new("CacheAppend", $"{rows} of {slots}, {columns} columns", (instance, random) =>
            {
                var keyCache = instance.Updated("keyCache", slots, columns, random.Uniform(slots * columns)).Stored();
                var valueCache = instance.Updated("valueCache", slots, columns, random.Uniform(slots * columns)).Stored();
                var key = instance.Input("key", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                var value = instance.Input("value", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                var places = instance.Indices("rows", random.Permutation(slots)[..rows]).PerRow();
                instance.Invoke = (backend, view) => backend.CacheAppend(view(keyCache), view(valueCache), view(key), view(value), view(places));
                instance.Reference = () => CacheAppend(keyCache.Expected, valueCache.Expected, key.Values, value.Values, places.Integers, columns);
            });
        }
    }

    private static OperationCase AttentionForwardCase(AttentionShape shape, bool saved) => new("AttentionForward", shape.Name + (saved ? "" : ", nothing saved"), (instance, random) =>
    {
        var (heads, keyHeads, headSize, scale) = (shape.Heads, shape.KeyHeads, shape.HeadSize, shape.ScoreScale);
        var packing = new AttentionPacking(shape.Sequences, random);
        var output = instance.Output("output", packing.Queries, heads * headSize).Stored()
            .Within(0, 2 * shape.ScoreError + Rounding.Sum(packing.MaximumKeys) / 4, "twice the error of a score of D products, and a weighted mean over the keys");
        var logSumExp = saved ? instance.Output("logSumExp", packing.Queries, heads).Optional().Within(4 * Rounding.Unit, 2 * shape.ScoreError + Rounding.Sum(packing.MaximumKeys) / 4, "the error of a score of D products") : null;
        var query = instance.Input("query", packing.Queries, heads * headSize, random.Uniform(packing.Queries * heads * headSize)).Stored();
        var key = instance.Input("key", packing.Rows, keyHeads * headSize, packing.Keys(random, keyHeads * headSize)).Stored();
        var value = instance.Input("value", packing.Rows, keyHeads * headSize, packing.Keys(random, keyHeads * headSize)).Stored();
        packing.AddTo(instance);
        instance.Invoke = (backend, view) =>
            backend.AttentionForward(view(output), view(logSumExp), view(query), view(key), view(value), packing.Sequences(view, shape.Causal), headSize, (float)scale);
        instance.Reference = () =>
        {
            AttentionForward(output.Expected, logSumExp is null ? default : logSumExp.Expected, query.Values, key.Values, value.Values,
                packing.QueryOffsets.Integers, packing.KeyOffsets.Integers, packing.KeyLengths.Integers, shape.Causal, heads, keyHeads, headSize, scale);
            // P is rounded before its product with v.
            output.TermsAreRounded((sums, terms) => AttentionForward(sums, default, query.Values, key.Values, value.Values,
                packing.QueryOffsets.Integers, packing.KeyOffsets.Integers, packing.KeyLengths.Integers, shape.Causal, heads, keyHeads, headSize, scale, terms));
        };
    });

    private static OperationCase AttentionBackwardCase(AttentionShape shape) => new("AttentionBackward", shape.Name, (instance, random) =>
    {
        var (heads, keyHeads, headSize, scale) = (shape.Heads, shape.KeyHeads, shape.HeadSize, shape.ScoreScale);
        var packing = new AttentionPacking(shape.Sequences, random);
        var (queryCount, keyCount) = (packing.Queries * heads * headSize, packing.Rows * keyHeads * headSize);
        var relative = 2 * shape.ScoreError + Rounding.Sum(packing.MaximumKeys + packing.Queries) / 4;
        const string source = "twice the error of a score, and sums over keys or queries, of the largest gradient and of the products dO v that cancel";
        var cancelled = relative * scale * Math.Sqrt(headSize);
        var dQuery = instance.Output("dQuery", packing.Queries, heads * headSize).Stored().Within(relative, cancelled, source);
        var dKey = instance.Updated("dKey", packing.Rows, keyHeads * headSize, random.Uniform(keyCount)).Stored().Within(relative, cancelled, source);
        var dValue = instance.Updated("dValue", packing.Rows, keyHeads * headSize, random.Uniform(keyCount)).Stored().Within(relative, relative, source);
        var delta = instance.Workspace("delta", packing.Queries, heads);
        var dOutput = instance.Input("dOutput", packing.Queries, heads * headSize, random.Uniform(queryCount)).Stored();
        var query = instance.Input("query", packing.Queries, heads * headSize, random.Uniform(queryCount)).Stored();
        var key = instance.Input("key", packing.Rows, keyHeads * headSize, packing.Keys(random, keyHeads * headSize)).Stored();
        var value = instance.Input("value", packing.Rows, keyHeads * headSize, packing.Keys(random, keyHeads * headSize)).Stored();
        packing.AddTo(instance);
        var (mixed, logSums) = (new double[queryCount], new double[packing.Queries * heads]);
        AttentionForward(mixed, logSums, query.Values, key.Values, value.Values, packing.QueryOffsets.Integers, packing.KeyOffsets.Integers, packing.KeyLengths.Integers,
            shape.Causal, heads, keyHeads, headSize, scale);
        var output = instance.Input("output", packing.Queries, heads * headSize, RoundToSingle(mixed)).Stored();
        var logSumExp = instance.Input("logSumExp", packing.Queries, heads, RoundToSingle(logSums));
        instance.Invoke = (backend, view) => backend.AttentionBackward(view(dQuery), view(dKey), view(dValue), view(delta), view(dOutput), view(query), view(key), view(value), view(output), view(logSumExp),
            packing.Sequences(view, shape.Causal), headSize, (float)scale);
        void Backward(double[] queries, double[] keys, double[] values, ReferenceTerms terms) => AttentionBackward(queries, keys, values, dOutput.Values, query.Values, key.Values, value.Values, output.Values,
            logSumExp.Values, packing.QueryOffsets.Integers, packing.KeyOffsets.Integers, packing.KeyLengths.Integers, shape.Causal, heads, keyHeads, headSize, scale, terms);
        instance.Reference = () =>
        {
            Backward(dQuery.Expected, dKey.Expected, dValue.Expected, ReferenceTerms.Values);
            // P and dS are rounded before their products.
            dQuery.TermsAreRounded((sums, terms) => Backward(sums, new double[keyCount], new double[keyCount], terms));
            dKey.TermsAreRounded((sums, terms) => Backward(new double[queryCount], sums, new double[keyCount], terms));
            dValue.TermsAreRounded((sums, terms) => Backward(new double[queryCount], new double[keyCount], sums, terms));
            dQuery.MagnitudeOfLargest();
            dKey.MagnitudeOfLargest();
            dValue.MagnitudeOfLargest();
        };
    });
}
