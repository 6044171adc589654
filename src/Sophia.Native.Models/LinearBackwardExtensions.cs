namespace Sophia.Native.Models;

/// <summary>The parameter gradients of a linear layer, skipped where it is frozen.</summary>
internal static class LinearBackwardExtensions
{
    public static void BackwardWeight(this Backend backend, in Weight weight, in Weight bias, DeviceView dOutput, DeviceView input)
    {
        if (!weight.Gradient.IsAbsent)
            backend.LinearBackwardWeight(weight.Gradient, dOutput, input);
        if (!bias.Gradient.IsAbsent)
            backend.LinearBackwardBias(bias.Gradient, dOutput);
    }
}
