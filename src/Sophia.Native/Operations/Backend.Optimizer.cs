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
    /// </summary>
    /// <param name="parameters">[n] contiguous, updated.</param>
    /// <param name="firstMoments">[n] contiguous, updated.</param>
    /// <param name="secondMoments">[n] contiguous, updated.</param>
    /// <param name="gradients">[n] contiguous.</param>
    /// <param name="gradientState">[<see cref="GradientStateLength"/>] of <see cref="GradientNorm"/>.</param>
    /// <param name="step">The constants.</param>
    public void AdamW(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step)
    {
        Require.Vector(parameters, parameters.Length);
        Require.Vector(firstMoments, parameters.Length);
        Require.Vector(secondMoments, parameters.Length);
        Require.Vector(gradients, parameters.Length);
        Require.Vector(gradientState, GradientStateLength);
        Require.That(step.Step > 0, $"a step number from 1, found {step.Step}");
        AdamWCore(parameters, firstMoments, secondMoments, gradients, gradientState, step);
    }

    /// <summary>Sets every element to a value.</summary>
    /// <param name="view">Any Float32 or Float64 view.</param>
    /// <param name="value">The value.</param>
    public void Fill(DeviceView view, float value)
    {
        Require.That(view.Type is ElementType.Float32 or ElementType.Float64 && view.Buffer is not null, $"a floating-point view, found {view}");
        FillCore(view, value);
    }

    /// <summary>Copies a view; the two must not overlap.</summary>
    /// <param name="destination">[N, C], overwritten.</param>
    /// <param name="source">[N, C] of the same type.</param>
    public void Copy(DeviceView destination, DeviceView source)
    {
        Require.Shape(source, destination.Rows, destination.Columns, destination.Type);
        Require.Shape(destination, source.Rows, source.Columns, source.Type);
        CopyCore(destination, source);
    }

    /// <inheritdoc cref="GradientNorm"/>
    protected abstract void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm);

    /// <inheritdoc cref="AdamW"/>
    protected abstract void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step);

    /// <inheritdoc cref="Fill"/>
    protected abstract void FillCore(DeviceView view, float value);

    /// <inheritdoc cref="Copy"/>
    protected abstract void CopyCore(DeviceView destination, DeviceView source);
}
