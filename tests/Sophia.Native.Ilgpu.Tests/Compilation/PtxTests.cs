using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu.Tests.Compilation;

/// <summary>PTX for sm_90 of every kernel, made without a GPU; ptxas, where SOPHIA_PTXAS or the PATH has it, accepts it and spills nothing.</summary>
public sealed partial class PtxTests
{
    /// <summary>What a CUDA kernel may declare.</summary>
    private const int MostSharedBytes = 48 * 1024;

    private static readonly Lazy<string?> Assembler = new(FindAssembler);
    private static readonly Lazy<PTXBackend> Backend = new(Open);

    public static TheoryData<string> Kernels => [.. KernelTypes.All.Select(KernelTypes.NameOf)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_becomes_PTX_that_ptxas_accepts_without_spills(string name)
    {
        var type = KernelTypes.All.Single(type => KernelTypes.NameOf(type) == name);
        var compiled = Compile(type);
        Assert.Contains(".entry", compiled.PTXAssembly, StringComparison.Ordinal);
        if (Assembler.Value is not { } assembler)
            return;
        var report = Assemble(assembler, compiled.PTXAssembly);
        foreach (Match shared in SharedBytes().Matches(report))
            Assert.True(int.Parse(shared.Groups[1].Value, CultureInfo.InvariantCulture) <= MostSharedBytes, $"{name} takes more shared memory than every device has for a group:\n{report}");
        foreach (Match spill in Spills().Matches(report))
            Assert.True(spill.Groups[1].Value == "0" && spill.Groups[2].Value == "0", $"{name} spills:\n{report}\n{compiled.PTXAssembly}");
    }

    [Fact]
    public void There_is_an_assembler_to_check_with()
    {
        if (Assembler.Value is null)
            Assert.Skip("ptxas is neither named by SOPHIA_PTXAS nor on the PATH: PTX is made, but not checked for spills.");
        Assert.True(File.Exists(Assembler.Value), $"SOPHIA_PTXAS names {Assembler.Value}, which is not there.");
    }

    [Fact]
    public void A_kernel_fuses_what_the_engine_fuses()
    {
        var compiled = Compile(typeof(ElementLoop<IlgpuBackend.GeluForwardElement<StoredFloat32>>));
        // erf: 7 of the near polynomial, 6 of the far one, 3 + 5 of the exponential; then Phi.
        Assert.True(FusedMultiplyAdd().Count(compiled.PTXAssembly) >= 22, compiled.PTXAssembly);
    }

    private static PTXCompiledKernel Compile(Type kernel)
    {
        var entry = typeof(KernelEntry).GetMethod(nameof(KernelEntry.Run))!.MakeGenericMethod(kernel);
        // As the backend loads its kernels: groups of at most 256 threads, and no wish for several of them on a multiprocessor.
        return (PTXCompiledKernel)Backend.Value.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(entry), new KernelSpecialization(256, 1));
    }

    private static PTXBackend Open()
    {
        var context = Context.Create(builder => builder.Math(MathMode.Default).Inlining(InliningMode.Aggressive));
        MathIntrinsics.Register(context);
        return new(context, CudaArchitecture.SM_90, CudaInstructionSet.ISA_84, null!);
    }

    private static string Assemble(string assembler, string assembly)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, assembly);
            using var process = Process.Start(new ProcessStartInfo(assembler, ["-arch=sm_90", "-v", "-o", OperatingSystem.IsWindows() ? "NUL" : "/dev/null", file]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var report = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"ptxas refuses the kernel:\n{report}\n{assembly}");
            return report;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string? FindAssembler()
    {
        if (Environment.GetEnvironmentVariable("SOPHIA_PTXAS") is { Length: > 0 } named)
            return named;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/local/cuda/bin");
        return folders.Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "ptxas.exe" : "ptxas")).FirstOrDefault(File.Exists);
    }

    [GeneratedRegex(@"(\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex Spills();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex SharedBytes();

    [GeneratedRegex(@"fma\.rn\.f32")]
    private static partial Regex FusedMultiplyAdd();
}
