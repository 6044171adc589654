namespace Sophia.Native.Models;

/// <summary>The backward pass of a linear layer.</summary>
internal static class LinearBackwardExtensions
{
    /// <summary>Adds the gradients of what is not frozen and overwrites dInput.</summary>
    public static void LinearBackward(this Backend backend, DeviceView dInput, DeviceView dOutput, DeviceView input, in Weight weight, in Weight bias = default)
    {
        backend.LinearBackwardParameters(weight, bias, dOutput, input);
        backend.LinearBackwardInput(dInput, dOutput, weight.Value);
    }

    /// <summary>Adds the gradients of weight and bias, each unless it is frozen or absent.</summary>
    public static void LinearBackwardParameters(this Backend backend, in Weight weight, in Weight bias, DeviceView dOutput, DeviceView input)
    {
        if (!weight.Gradient.IsAbsent)
            backend.LinearBackwardWeight(weight.Gradient, dOutput, input);
        if (!bias.Gradient.IsAbsent)
            backend.LinearBackwardBias(bias.Gradient, dOutput);
    }
}
