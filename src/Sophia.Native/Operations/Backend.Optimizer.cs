namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>Elements of the state that <see cref="GradientNorm"/> writes: the norm, the clip factor, the finite flag (1 or 0), and one in reserve.</summary>
    public const int GradientStateLength = 4;

    /// <summary>
    /// norm = sqrt(sum of squares), factor = min(1, maximumNorm / (norm + 1e-6)), flag = 1 when the norm is finite. Two levels in fixed order: blocks of 4096 elements, then the blocks.
    /// </summary>
    /// <param name="state">[<see cref="GradientStateLength"/>], overwritten.</param>
    /// <param name="gradients">[n] contiguous.</param>
    /// <param name="maximumNorm">Positive; infinity for no clipping.</param>
    public void GradientNorm(DeviceView state, DeviceView gradients, float maximumNorm)
    {
        Require.Vector(state, GradientStateLength);
        Require.Vector(gradients, gradients.Length);
        Require.That(maximumNorm > 0, $"a positive maximum norm, found {maximumNorm}");
        GradientNormCore(state, gradients, maximumNorm);
    }

    /// <summary>
    /// One AdamW step as PyTorch does it, with g = gradient * factor: p *= 1 - lr * decay; m = m + (1 - beta1) * (g - m); v = beta2 * v + (1 - beta2) * g^2;
    /// p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon). Does nothing when the finite flag is down. Bound by bytes: 7 reads and writes of n elements.
    /// Arithmetic is fp32 whatever is stored: p is updated with the unrounded m and v. What is stored as BFloat16 (parameters, moments) is rounded stochastically, up with the probability of the
    /// part cut off, so that steps smaller than half a unit in the last place still count on average. <see cref="StochasticRounding"/> is the rule, the same bits on every backend:
    /// elements e and e ^ 1 share the Philox block with counter (low word of e / 2, high word of e / 2, step, <see cref="StochasticRounding.Purpose"/>) and key <see cref="AdamWStep.Seed"/>;
    /// word 0 is for the parameter, word 1 for the first moment, word 2 for the second; the even element takes the word's lower 16 bits, the odd one its upper 16 bits.
    /// </summary>
    /// <param name="parameters">[n] contiguous Float32 or BFloat16, updated.</param>
    /// <param name="firstMoments">[n] contiguous Float32 or BFloat16, updated.</param>
    /// <param name="secondMoments">[n] contiguous of the type of the first moments, updated.</param>
    /// <param name="gradients">[n] contiguous Float32.</param>
    /// <param name="gradientState">[<see cref="GradientStateLength"/>] Float32 of <see cref="GradientNorm"/>.</param>
    /// <param name="step">The constants.</param>
    /// <param name="workingCopy">[n] contiguous BFloat16 beside Float32 parameters, overwritten with the new parameters rounded to nearest even; absent when there is none.</param>
    public void AdamW(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy = default)
    {
        Require.Vector(parameters, parameters.Length, Require.Storage(this, parameters));
        var moments = Require.Storage(this, firstMoments);
        Require.Vector(firstMoments, parameters.Length, moments);
        Require.Vector(secondMoments, parameters.Length, moments);
        Require.Vector(gradients, parameters.Length);
        Require.Vector(gradientState, GradientStateLength);
        Require.That(step.Step > 0, $"a step number from 1, found {step.Step}");
        if (!workingCopy.IsAbsent)
        {
            Require.Vector(workingCopy, parameters.Length, ElementType.BFloat16);
            Require.Supported(this, workingCopy.Type, nameof(workingCopy), nameof(AdamW));
            Require.That(parameters.Type == ElementType.Float32, $"Float32 parameters beside a working copy, found {parameters}");
        }
        AdamWCore(parameters, firstMoments, secondMoments, gradients, gradientState, step, workingCopy);
    }

    /// <summary>Sets every element to a value.</summary>
    /// <param name="view">Any Float32 or Float64 view.</param>
    /// <param name="value">The value.</param>
    public void Fill(DeviceView view, float value)
    {
        Require.That(view.Type is ElementType.Float32 or ElementType.Float64 && view.Buffer is not null, $"a floating-point view, found {view}");
        FillCore(view, value);
    }

    /// <summary>Copies a view; the two must not overlap. Between Float32 and BFloat16 it converts, to BFloat16 rounding to nearest even; a NaN stays a NaN.</summary>
    /// <param name="destination">[N, C], overwritten.</param>
    /// <param name="source">[N, C] of the same type, or one Float32 and the other BFloat16.</param>
    public void Copy(DeviceView destination, DeviceView source)
    {
        var converts = (destination.Type, source.Type) is (ElementType.Float32, ElementType.BFloat16) or (ElementType.BFloat16, ElementType.Float32);
        Require.Shape(source, destination.Rows, destination.Columns, converts ? source.Type : destination.Type);
        Require.Shape(destination, source.Rows, source.Columns, converts ? destination.Type : source.Type);
        if (converts)
            Require.Supported(this, ElementType.BFloat16, destination.Type == ElementType.BFloat16 ? nameof(destination) : nameof(source), nameof(Copy));
        CopyCore(destination, source);
    }

    /// <inheritdoc cref="GradientNorm"/>
    protected abstract void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm);

    /// <inheritdoc cref="AdamW"/>
    protected abstract void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy);

    /// <inheritdoc cref="Fill"/>
    protected abstract void FillCore(DeviceView view, float value);

    /// <inheritdoc cref="Copy"/>
    protected abstract void CopyCore(DeviceView destination, DeviceView source);
}
