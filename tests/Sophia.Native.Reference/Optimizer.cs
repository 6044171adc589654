namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>state = norm, min(1, maximumNorm / (norm + 1e-6)), 1 when the norm is finite, 0.</summary>
    public static void GradientNorm(Span<double> state, ReadOnlySpan<double> gradients, double maximumNorm)
    {
        var squares = 0.0;
        foreach (var gradient in gradients)
            squares += gradient * gradient;
        var norm = Math.Sqrt(squares);
        state[0] = norm;
        state[1] = Math.Min(1.0, maximumNorm / (norm + 1e-6));
        state[2] = double.IsFinite(norm) ? 1.0 : 0.0;
        state[3] = 0.0;
    }

    /// <summary>
    /// With g = gradient * factor: p *= 1 - lr * decay; m += (1 - beta1) * (g - m); v = beta2 * v + (1 - beta2) * g^2;
    /// p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon). Nothing when the flag of the state is down.
    /// </summary>
    public static void AdamW(Span<double> parameters, Span<double> firstMoments, Span<double> secondMoments, ReadOnlySpan<double> gradients, ReadOnlySpan<double> gradientState,
        double learningRate, double beta1, double beta2, double epsilon, double weightDecay, int step)
    {
        if (gradientState[2] == 0.0)
            return;
        for (var i = 0; i < parameters.Length; i++)
        {
            var g = gradients[i] * gradientState[1];
            parameters[i] *= 1.0 - learningRate * weightDecay;
            firstMoments[i] += (1.0 - beta1) * (g - firstMoments[i]);
            secondMoments[i] = beta2 * secondMoments[i] + (1.0 - beta2) * g * g;
            var denominator = Math.Sqrt(secondMoments[i]) / Math.Sqrt(1.0 - Math.Pow(beta2, step)) + epsilon;
            parameters[i] -= learningRate / (1.0 - Math.Pow(beta1, step)) * firstMoments[i] / denominator;
        }
    }

    /// <summary>Every element becomes the value.</summary>
    public static void Fill(Span<double> view, double value)
    {
        for (var i = 0; i < view.Length; i++)
            view[i] = value;
    }

    /// <summary>Every element of the source.</summary>
    public static void Copy(Span<double> destination, ReadOnlySpan<double> source)
    {
        for (var i = 0; i < source.Length; i++)
            destination[i] = source[i];
    }
}
