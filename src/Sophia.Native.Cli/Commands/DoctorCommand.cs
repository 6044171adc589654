using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sophia.Native.Cuda;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia doctor</c>: what this machine offers, what will be used and why.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var compile = new Option<bool>("--compile") { Description = "fill the kernel cache of the cuda backend" };
        var architecture = new Option<string?>("--architecture") { Description = "with --compile: for which architecture, such as sm_90a (no device is needed); without it for the devices at hand" };
        var command = new Command("doctor", "Devices, instruction sets, memory; what will be used and why.") { compile, architecture };
        command.SetAction(parsed => Run(new(parsed), SharedOptions.BackendOptionsOf(parsed), parsed.GetValue(compile), parsed.GetValue(architecture)));
        return command;
    }

    private static int Run(CommandOutput output, BackendOptions options, bool compile, string? architecture)
    {
        // Code compiled ahead of time has its instruction sets from the compiler: what is said of them below is then true of the build, which may know less than the processor.
        var aheadOfTime = !RuntimeFeature.IsDynamicCodeCompiled;
        output.Line($"runtime   {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}{(aheadOfTime ? ", compiled ahead of time" : "")}");
        output.Line($"processor {Environment.ProcessorCount} threads, {RuntimeInformation.ProcessArchitecture}: AVX-512 {Say(Avx512F.IsSupported)}, AVX2 {Say(Avx2.IsSupported)}, FMA {Say(Fma.IsSupported)}, 128-bit vectors {Say(Vector128.IsHardwareAccelerated)}");
        output.Line($"memory    {CommandOutput.Bytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)} available to this process");
        string chosen;
        using (var automatic = Backend.Open("auto", options))
            chosen = automatic.Description;
        var backends = new List<(string Name, bool IsAvailable, string Description)>();
        foreach (var name in (string[])["cpu", "cuda", "ilgpu"])
        {
            try
            {
                using var backend = Backend.Open(name, options);
                output.Line($"{name,-9} {backend.Description}");
                backends.Add((name, true, backend.Description));
            }
            catch (BackendUnavailableException unavailable)
            {
                output.Line($"{name,-9} not available: {unavailable.Message.Split(". ")[0]}");
                backends.Add((name, false, unavailable.Message));
            }
        }
        output.Line($"auto      {chosen}");
        var report = CudaDiagnostics.Report();
        foreach (var line in report)
            output.Line($"cuda      {line}");
        var ilgpu = IlgpuBackends.Report();
        foreach (var line in ilgpu)
            output.Line($"ilgpu     {line}");
        if (architecture is not null && !compile)
            throw new UsageException("--architecture: expected together with --compile, found alone.");
        var failures = compile ? CudaDiagnostics.FillCache(architecture, line => output.Line($"compile   {line}")) : 0;
        output.Json(json =>
        {
            json.WriteString("auto", chosen);
            json.WriteBoolean("ahead_of_time", aheadOfTime);
            json.WriteBoolean("avx512", Avx512F.IsSupported);
            json.WriteBoolean("avx2", Avx2.IsSupported);
            json.WriteNumber("processors", Environment.ProcessorCount);
            json.WriteNumber("memory_bytes", GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
            json.WriteStartArray("cuda");
            foreach (var line in report)
                json.WriteStringValue(line.Trim());
            json.WriteEndArray();
            json.WriteStartArray("ilgpu");
            foreach (var line in ilgpu)
                json.WriteStringValue(line);
            json.WriteEndArray();
            json.WriteNumber("kernels_not_compiled", failures);
            json.WriteStartObject("backends");
            foreach (var (name, isAvailable, description) in backends)
            {
                json.WriteStartObject(name);
                json.WriteBoolean("available", isAvailable);
                json.WriteString("description", description);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        });
        return failures > 0 ? 1 : 0;
    }

    private static string Say(bool supported) => supported ? "yes" : "no";
}
