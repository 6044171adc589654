namespace Sophia.Native.Cuda.Compilation;

/// <summary>A compiled module.</summary>
/// <param name="Bytes">The cubin, or PTX that ends with a zero.</param>
/// <param name="IsPtx">Whether it is PTX, which the driver still has to compile.</param>
/// <param name="Log">What the compiler said: registers, shared memory and spills of every kernel, warnings. Empty where the image came from the cache.</param>
/// <param name="IsFromCache">Whether an earlier compilation made it.</param>
/// <param name="Ptx">The PTX a cubin was made of, where it was asked for.</param>
internal sealed record KernelImage(byte[] Bytes, bool IsPtx, string Log, bool IsFromCache, byte[]? Ptx = null);
