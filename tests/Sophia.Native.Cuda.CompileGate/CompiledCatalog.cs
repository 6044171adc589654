using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>The whole catalog, compiled once for all tests; where SOPHIA_KERNEL_TABLE names a file, the table of kernels/README.md is written there.</summary>
public sealed class CompiledCatalog
{
    public CompiledCatalog()
    {
        if (Compiler.WhyNot is not null)
            return;
        CompiledModule.CompileAll();
        if (Environment.GetEnvironmentVariable("SOPHIA_KERNEL_TABLE") is { Length: > 0 } path)
            KernelTable.WriteTo(path);
    }

    /// <summary>Skips the test where there is no compiler.</summary>
    public void Require()
    {
        if (Compiler.WhyNot is { } reason)
            Assert.Skip(reason);
    }

    /// <summary>The names of all kernels.</summary>
    public HashSet<string> KernelNames()
    {
        Require();
        return [.. from specialization in KernelCatalog.Specializations from kernel in CompiledModule.Of(specialization, CompiledModule.Architectures[0]).Kernels select kernel.Name];
    }
}
