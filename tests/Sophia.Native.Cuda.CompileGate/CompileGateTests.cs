using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>Every kernel and every specialization in use, compiled by the real NVRTC. What no emulator shows: registers, spills, and that the tensor cores' instructions are there.</summary>
public sealed class CompileGateTests(CompiledCatalog catalog) : IClassFixture<CompiledCatalog>
{
    public static TheoryData<string, string> Modules
    {
        get
        {
            var modules = new TheoryData<string, string>();
            foreach (var specialization in KernelCatalog.Specializations)
            {
                foreach (var architecture in CompiledModule.Architectures)
                    modules.Add(specialization.ToString(), architecture);
            }
            return modules;
        }
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void No_kernel_spills_or_keeps_an_array_in_local_memory(string module, string architecture)
    {
        foreach (var kernel in Find(module, architecture).Kernels)
        {
            Assert.True(kernel.SpillBytes == 0, $"{kernel.Name} spills {kernel.SpillBytes} bytes for {architecture}.");
            Assert.True(kernel.StackBytes == 0, $"{kernel.Name} has {kernel.StackBytes} bytes of local memory for {architecture}.");
        }
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void Every_kernel_stays_within_its_stated_registers(string module, string architecture)
    {
        foreach (var kernel in Find(module, architecture).Kernels)
        {
            var bound = Expectations.RegistersOf(kernel.Name);
            Assert.True(bound is not null, $"{kernel.Name} uses {kernel.Registers} registers for {architecture}; its bound belongs into {nameof(Expectations)}.");
            Assert.InRange(kernel.Registers, 1, bound!.Value);
        }
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void The_expected_tensor_instructions_are_there(string module, string architecture)
    {
        var compiled = Find(module, architecture);
        foreach (var (kernel, text) in compiled.Entries)
        {
            foreach (var instruction in Expectations.InstructionsOf(Specialization(module), kernel))
                Assert.True(text.Contains(instruction.Ptx, StringComparison.Ordinal), $"The PTX of {kernel} for {architecture} has no {instruction.Ptx}.");
        }
        if (!Disassembler.IsAtHand || compiled.Entries.Keys.All(kernel => Expectations.InstructionsOf(Specialization(module), kernel).Count == 0))
            return;
        foreach (var (kernel, text) in Disassembler.Functions(compiled.Image.Bytes))
        {
            foreach (var instruction in Expectations.InstructionsOf(Specialization(module), kernel))
                Assert.True(text.Contains(instruction.Sass, StringComparison.Ordinal), $"The machine code of {kernel} for {architecture} has no {instruction.Sass}.");
        }
    }

    [Fact]
    public void Every_stated_bound_belongs_to_a_kernel()
    {
        var known = catalog.KernelNames();
        Assert.All(Expectations.BoundedKernels, name => Assert.Contains(name, known));
    }

    private CompiledModule Find(string module, string architecture)
    {
        catalog.Require();
        return CompiledModule.Of(Specialization(module), architecture);
    }

    private static KernelSpecialization Specialization(string module) => KernelCatalog.Specializations.First(specialization => specialization.ToString() == module);
}
