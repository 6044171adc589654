namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// Draws a token from every row of logits by Gumbel-max over float32 scores: score[v] = z[v] - log(-log(u[v])), z[v] = logits[v] * (1 / T in fp32), u[v] = word v mod 4 of the Philox block with counter
    /// (sample, position, v / 4, 0) in (0, 1); ties go to the lowest id. Top-k, then top-p, then min-p take candidates away first. The log-probability is that at
    /// temperature T before truncation, bitwise that of <see cref="HeadForward"/> over the same logits.
    /// </summary>
    /// <param name="tokens">[B] Int32, overwritten.</param>
    /// <param name="logProbabilities">[B], overwritten.</param>
    /// <param name="logits">[B, V]; overwritten with z.</param>
    /// <param name="samples">[B] Int32: the sample's number.</param>
    /// <param name="positions">[B] Int32: the position of the drawn token in its sequence.</param>
    /// <param name="options">How tokens are drawn.</param>
    public void SampleTokens(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options)
    {
        Require.Matrix(logits);
        Require.That(logits.Columns > 0 || logits.Rows == 0, "logits of at least one token");
        Require.Vector(tokens, logits.Rows, ElementType.Int32);
        Require.Vector(logProbabilities, logits.Rows);
        Require.Vector(samples, logits.Rows, ElementType.Int32);
        Require.Vector(positions, logits.Rows, ElementType.Int32);
        Require.That(options.Temperature >= 0 && options.TopK >= 0 && options.TopP is > 0 and <= 1 && options.MinP is >= 0 and < 1,
            $"temperature >= 0, top-k >= 0, top-p in (0, 1] and min-p in [0, 1), found {options.Temperature}, {options.TopK}, {options.TopP}, {options.MinP}");
        SampleTokensCore(tokens, logProbabilities, logits, samples, positions, options);
    }

    /// <inheritdoc cref="SampleTokens"/>
    protected abstract void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options);
}
