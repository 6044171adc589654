using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Sophia.Native.Conformance;

namespace Sophia.Native.Tests.Cpu;

/// <summary>The bits of every case of the conformance table on one path of the CPU, in this process or in a child that the runtime gives fewer instructions.</summary>
internal static class OperationBits
{
    private const string Variable = "SOPHIA_TEST_OPERATION_BITS";

    /// <summary>A hash of what each case writes, by its name.</summary>
    public static Dictionary<string, string> Of(string path)
    {
        using var backend = Backend.Open("cpu", new BackendOptions { CpuPath = path, Threads = 2 });
        var bits = new Dictionary<string, string>();
        foreach (var traits in CaseTable.Traits)
        {
            if (traits.Storage != ElementType.Float32)
                continue;
            using var device = new DeviceCase(backend, CaseTable.Find(traits.Name).Build(), traits.Name);
            device.Call();
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var (_, written) in device.DownloadWritten())
                hash.AppendData(written);
            bits.Add(traits.Name, Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8)));
        }
        return bits;
    }

    /// <summary>The same of the portable path in a child at a level, the instructions that the child found in force, and how its backend describes itself.</summary>
    public static (Dictionary<string, string> Bits, string InForce, string Description) At(VectorLevel level)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Sophia.Native.Tests" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, UseShellExecute = false };
        start.Environment[Variable] = "1";
        start.Environment[level.Setting] = "0";
        start.Environment[ConformanceSeed.Variable] = ConformanceSeed.Value.ToString();
        using var child = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var lines = child.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        child.WaitForExit();
        Assert.True(child.ExitCode == 0, $"The child at {level.Name} ended with {child.ExitCode}.");
        return (lines[2..].Select(line => line.Split('\t')).ToDictionary(line => line[0], line => line[1]), lines[0].Trim(), lines[1]);
    }

    /// <summary>Runs before the test runner's own beginning, and for the child instead of it.</summary>
    [ModuleInitializer]
    internal static void RunAsChild()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null)
            return;
        using (var backend = Backend.Open("cpu", new BackendOptions { CpuPath = "portable", Threads = 2 }))
            Console.WriteLine($" {VectorLevel.InForce}\n{backend.Description}");
        foreach (var (name, bits) in Of("portable"))
            Console.WriteLine($"{name}\t{bits}");
        Environment.Exit(0);
    }
}
