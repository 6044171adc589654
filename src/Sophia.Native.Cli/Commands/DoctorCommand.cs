using System.CommandLine;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia doctor</c>: what this machine offers, what will be used and why.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var compile = new Option<bool>("--compile") { Description = "fill the kernel cache of backends that compile kernels" };
        var command = new Command("doctor", "Devices, instruction sets, memory; what will be used and why.") { compile };
        command.SetAction(parsed => Run(new(parsed), parsed.GetValue(SharedOptions.Threads), parsed.GetValue(compile)));
        return command;
    }

    private static int Run(CommandOutput output, int threads, bool compile)
    {
        output.Line($"runtime   {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}");
        output.Line($"processor {Environment.ProcessorCount} threads, {RuntimeInformation.ProcessArchitecture}: AVX-512 {Say(Avx512F.IsSupported)}, AVX2 {Say(Avx2.IsSupported)}, FMA {Say(Fma.IsSupported)}, 128-bit vectors {Say(Vector128.IsHardwareAccelerated)}");
        output.Line($"memory    {CommandOutput.Bytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)} available to this process");
        string chosen;
        using (var automatic = Backend.Open("auto", new() { Threads = threads }))
            chosen = automatic.Description;
        var backends = new List<(string Name, bool IsAvailable, string Description)>();
        foreach (var name in (string[])["cpu", "cuda", "ilgpu"])
        {
            try
            {
                using var backend = Backend.Open(name, new() { Threads = threads });
                output.Line($"{name,-9} {backend.Description}");
                backends.Add((name, true, backend.Description));
            }
            catch (BackendUnavailableException unavailable)
            {
                output.Line($"{name,-9} not available: {unavailable.Message}");
                backends.Add((name, false, unavailable.Message));
            }
        }
        output.Line($"auto      {chosen}");
        if (compile)
            output.Line("compile   nothing to compile: the cpu backend needs no kernel cache");
        output.Json(json =>
        {
            json.WriteString("auto", chosen);
            json.WriteBoolean("avx512", Avx512F.IsSupported);
            json.WriteBoolean("avx2", Avx2.IsSupported);
            json.WriteNumber("processors", Environment.ProcessorCount);
            json.WriteNumber("memory_bytes", GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
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
        return 0;
    }

    private static string Say(bool supported) => supported ? "yes" : "no";
}
