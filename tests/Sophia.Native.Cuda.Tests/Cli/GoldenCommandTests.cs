using Sophia.Native.Cuda.Tests.Emulation;
using Sophia.Native.Tests.Cli;

namespace Sophia.Native.Cuda.Tests.Cli;

/// <summary><c>sophia score</c>, <c>generate</c> and <c>train</c> with <c>--backend cuda</c>, against the reference.</summary>
public abstract class CudaCommands : GoldenCommands
{
    protected CudaCommands(ElementType storage, string precision) : base(storage, "--backend", "cuda", "--precision", precision)
    {
        if (Emulator.WhyNot is { } reason)
            Assert.Skip(reason);
    }
}

public sealed class GoldenCommandTests_Float32() : CudaCommands(ElementType.Float32, "fp32");

public sealed class GoldenCommandTests_BFloat16() : CudaCommands(ElementType.BFloat16, "bf16");
