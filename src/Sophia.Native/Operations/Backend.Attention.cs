namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>Keys of a sequence are visited in blocks of this many, counted from its start, in training, prefill and decoding alike.</summary>
    public const int AttentionKeyBlock = 64;

    /// <summary>
    /// Scaled dot-product attention of packed sequences with grouped heads (query head h reads key-value head h / (H / K)), without a [T, T] matrix:
    /// S = scale * q * k^T over the visible keys, P = softmax(S), output = P * v, logSumExp = log of the sum of exp(S).
    /// The keys are taken in blocks of <see cref="AttentionKeyBlock"/> from the start of the sequence; each block has its own maximum, sum and product with v, each started afresh, and
    /// blocks are merged from left to right: so a query's result does not depend on how many queries come with it. A query that sees no key gives 0 and minus infinity.
    /// Storage: output, query, key and value; with BFloat16 the products may take the weights P of a block rounded to BFloat16, sums stay fp32.
    /// </summary>
    /// <param name="output">[N, H * D], overwritten.</param>
    /// <param name="logSumExp">[N, H] Float32, saved for the backward pass, or absent.</param>
    /// <param name="query">[N, H * D].</param>
    /// <param name="key">[M, K * D].</param>
    /// <param name="value">[M, K * D].</param>
    /// <param name="sequences">Which queries attend to which keys.</param>
    /// <param name="headSize">D, a multiple of 16 from 16 to 128.</param>
    /// <param name="scale">Factor of the scores, usually 1 / sqrt(D).</param>
    public void AttentionForward(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        CheckAttention(output, query, key, value, sequences, headSize);
        Require.OptionalShape(logSumExp, query.Rows, query.Columns / headSize);
        AttentionForwardCore(output, logSumExp, query, key, value, sequences, headSize, scale);
    }

    /// <summary>
    /// With P recomputed from logSumExp: dV = P^T dO; dP = dO v^T; dS = P * (dP - delta), delta = sum over D of dO * O; dQ = scale * dS k; dK = scale * dS^T q;
    /// the query heads of a group add up in the order of heads. No floating-point atomics: every sum has a fixed order.
    /// Storage: all but delta and logSumExp; with BFloat16 P and dS may enter the products rounded to BFloat16, sums stay fp32.
    /// </summary>
    /// <param name="dQuery">[N, H * D], overwritten.</param>
    /// <param name="dKey">[M, K * D]: the rows of the sequences are overwritten.</param>
    /// <param name="dValue">[M, K * D]: the rows of the sequences are overwritten.</param>
    /// <param name="delta">[N, H] Float32, workspace.</param>
    /// <param name="dOutput">[N, H * D].</param>
    /// <param name="query">[N, H * D].</param>
    /// <param name="key">[M, K * D].</param>
    /// <param name="value">[M, K * D].</param>
    /// <param name="output">[N, H * D], of the forward pass.</param>
    /// <param name="logSumExp">[N, H] Float32, of the forward pass.</param>
    /// <param name="sequences">As in the forward pass; the key rows of two sequences must not overlap.</param>
    /// <param name="headSize">D.</param>
    /// <param name="scale">Factor of the scores.</param>
    public void AttentionBackward(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        var storage = CheckAttention(output, query, key, value, sequences, headSize);
        Require.Shape(dQuery, query.Rows, query.Columns, storage);
        Require.Shape(dKey, key.Rows, key.Columns, storage);
        Require.Shape(dValue, key.Rows, key.Columns, storage);
        Require.Shape(dOutput, query.Rows, query.Columns, storage);
        Require.Shape(logSumExp, query.Rows, query.Columns / headSize);
        Require.Shape(delta, query.Rows, query.Columns / headSize);
        AttentionBackwardCore(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp, sequences, headSize, scale);
    }

    /// <inheritdoc cref="AttentionForward"/>
    protected abstract void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale);

    /// <inheritdoc cref="AttentionBackward"/>
    protected abstract void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale);

    private ElementType CheckAttention(DeviceView output, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize)
    {
        const string operation = "Attention";
        Require.That(headSize is >= 16 and <= 128 && headSize % 16 == 0, $"a head size that is a multiple of 16 from 16 to 128, found {headSize}", operation);
        var storage = Require.Storage(this, query, operation: operation);
        Require.Matrix(key, storage, operation: operation);
        Require.Shape(output, query.Rows, query.Columns, storage, operation: operation);
        Require.Shape(value, key.Rows, key.Columns, storage, operation: operation);
        Require.That(query.Columns % headSize == 0 && key.Columns % headSize == 0 && key.Columns > 0 && query.Columns % key.Columns == 0,
            $"query heads that are a multiple of the key-value heads of size {headSize}, found {query.Columns} and {key.Columns} columns", operation);
        Require.Vector(sequences.QueryOffsets, sequences.Count + 1, ElementType.Int32, operation: operation);
        Require.Vector(sequences.KeyOffsets, sequences.Count, ElementType.Int32, operation: operation);
        Require.Vector(sequences.KeyLengths, sequences.Count, ElementType.Int32, operation: operation);
        return storage;
    }
}
