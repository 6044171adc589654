namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>
    /// S = scale * q * k^T over the visible keys, P = softmax(S), output = P * v, logSumExp = log of the sum of exp(S); query head h reads key-value head h / (H / K).
    /// The last query of a causal sequence sees all its keys, the one before all but the last. A query that sees no key gives 0 and minus infinity.
    /// With <paramref name="terms"/> the sizes of the terms of the output are added up instead, or their squares.
    /// </summary>
    public static void AttentionForward(Span<double> output, Span<double> logSumExp, ReadOnlySpan<double> query, ReadOnlySpan<double> key, ReadOnlySpan<double> value,
        ReadOnlySpan<int> queryOffsets, ReadOnlySpan<int> keyOffsets, ReadOnlySpan<int> keyLengths, bool causal, int heads, int keyHeads, int headSize, double scale, ReferenceTerms terms = ReferenceTerms.Values)
    {
        var scores = new double[LongestSequence(keyLengths)];
        for (var b = 0; b < keyLengths.Length; b++)
        {
            for (var n = queryOffsets[b]; n < queryOffsets[b + 1]; n++)
            {
                var visible = VisibleKeys(n, queryOffsets[b + 1], keyLengths[b], causal);
                for (var h = 0; h < heads; h++)
                {
                    var q = (n * heads + h) * headSize;
                    for (var d = 0; d < headSize; d++)
                        output[q + d] = 0.0;
                    var maximum = double.NegativeInfinity;
                    for (var j = 0; j < visible; j++)
                    {
                        scores[j] = scale * DotOfHead(query, q, key, KeyAt(keyOffsets[b] + j, h, heads, keyHeads, headSize), headSize);
                        maximum = Math.Max(maximum, scores[j]);
                    }
                    var sum = 0.0;
                    for (var j = 0; j < visible; j++)
                        sum += Math.Exp(scores[j] - maximum);
                    for (var j = 0; j < visible; j++)
                    {
                        var probability = Math.Exp(scores[j] - maximum) / sum;
                        var v = KeyAt(keyOffsets[b] + j, h, heads, keyHeads, headSize);
                        for (var d = 0; d < headSize; d++)
                            output[q + d] += Term(probability * value[v + d], terms);
                    }
                    if (!logSumExp.IsEmpty)
                        logSumExp[n * heads + h] = visible == 0 ? double.NegativeInfinity : maximum + Math.Log(sum);
                }
            }
        }
    }

    /// <summary>dV = P^T dO; dP = dO v^T; dS = P * (dP - delta), delta = sum over D of dO * O; dQ = scale * dS k; dK = scale * dS^T q. The rows of the sequences' keys are overwritten. With <paramref name="terms"/> the sizes of the terms are added up instead, or their squares.</summary>
    public static void AttentionBackward(Span<double> dQuery, Span<double> dKey, Span<double> dValue, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> query, ReadOnlySpan<double> key,
        ReadOnlySpan<double> value, ReadOnlySpan<double> output, ReadOnlySpan<double> logSumExp, ReadOnlySpan<int> queryOffsets, ReadOnlySpan<int> keyOffsets, ReadOnlySpan<int> keyLengths,
        bool causal, int heads, int keyHeads, int headSize, double scale, ReferenceTerms terms = ReferenceTerms.Values)
    {
        for (var b = 0; b < keyLengths.Length; b++)
        {
            for (var at = keyOffsets[b] * keyHeads * headSize; at < (keyOffsets[b] + keyLengths[b]) * keyHeads * headSize; at++)
                dKey[at] = dValue[at] = 0.0;
            for (var n = queryOffsets[b]; n < queryOffsets[b + 1]; n++)
            {
                var visible = VisibleKeys(n, queryOffsets[b + 1], keyLengths[b], causal);
                for (var h = 0; h < heads; h++)
                {
                    var q = (n * heads + h) * headSize;
                    var delta = DotOfHead(dOutput, q, output, q, headSize);
                    for (var d = 0; d < headSize; d++)
                        dQuery[q + d] = 0.0;
                    for (var j = 0; j < visible; j++)
                    {
                        var k = KeyAt(keyOffsets[b] + j, h, heads, keyHeads, headSize);
                        var probability = Math.Exp(scale * DotOfHead(query, q, key, k, headSize) - logSumExp[n * heads + h]);
                        var dScore = probability * (DotOfHead(dOutput, q, value, k, headSize) - delta);
                        for (var d = 0; d < headSize; d++)
                        {
                            dValue[k + d] += Term(probability * dOutput[q + d], terms);
                            dQuery[q + d] += Term(scale * dScore * key[k + d], terms);
                            dKey[k + d] += Term(scale * dScore * query[q + d], terms);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Row n of the new keys and values goes to row rows[n] of the cache.</summary>
    public static void CacheAppend(Span<double> keyCache, Span<double> valueCache, ReadOnlySpan<double> key, ReadOnlySpan<double> value, ReadOnlySpan<int> rows, int columns)
    {
        for (var n = 0; n < rows.Length; n++)
        {
            for (var c = 0; c < columns; c++)
            {
                keyCache[rows[n] * columns + c] = key[n * columns + c];
                valueCache[rows[n] * columns + c] = value[n * columns + c];
            }
        }
    }

    private static double Term(double value, ReferenceTerms terms) => terms switch
    {
        ReferenceTerms.Sizes => Math.Abs(value),
        ReferenceTerms.Squares => value * value,
        _ => value,
    };

    private static int VisibleKeys(int query, int queryEnd, int keyLength, bool causal) => causal ? keyLength - (queryEnd - 1 - query) : keyLength;

    private static int KeyAt(int row, int head, int heads, int keyHeads, int headSize) => (row * keyHeads + head / (heads / keyHeads)) * headSize;

    private static double DotOfHead(ReadOnlySpan<double> left, int leftAt, ReadOnlySpan<double> right, int rightAt, int headSize)
    {
        var sum = 0.0;
        for (var d = 0; d < headSize; d++)
            sum += left[leftAt + d] * right[rightAt + d];
        return sum;
    }

    private static int LongestSequence(ReadOnlySpan<int> lengths)
    {
        var longest = 0;
        foreach (var length in lengths)
            longest = Math.Max(longest, length);
        return longest;
    }
}
