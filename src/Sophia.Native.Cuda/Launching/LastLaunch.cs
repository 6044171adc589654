namespace Sophia.Native.Cuda.Launching;

/// <summary>The launch that was made last, with its arguments, for the message of a call that reports an error of earlier work.</summary>
/// <param name="kernel">The kernel; null before the first launch.</param>
/// <param name="arguments">The block that still holds its arguments.</param>
internal readonly struct LastLaunch(CompiledKernel? kernel, ArgumentBlock arguments)
{
    public override string ToString() => kernel is null ? "no launch" : $"{kernel.Operation}, whose last launch was {kernel}({arguments})";
}
