using System.Diagnostics;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>cuobjdump, where SOPHIA_CUOBJDUMP or the PATH has it: the machine code of a cubin.</summary>
internal static class Disassembler
{
    private static readonly string? Program = Find();

    /// <summary>Whether there is one.</summary>
    public static bool IsAtHand => Program is not null;

    /// <summary>The machine code of every kernel of a module.</summary>
    public static IEnumerable<(string Kernel, string Text)> Functions(byte[] cubin)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, cubin);
            using var process = Process.Start(new ProcessStartInfo(Program!, ["-sass", path]) { RedirectStandardOutput = true })!;
            var text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"cuobjdump failed with {process.ExitCode}.");
            foreach (var part in text.Split("Function : ")[1..])
                yield return (part[..part.IndexOf('\n')].Trim(), part);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("SOPHIA_CUOBJDUMP") is { Length: > 0 } named)
            return named;
        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
        {
            var program = Path.Combine(folder, OperatingSystem.IsWindows() ? "cuobjdump.exe" : "cuobjdump");
            if (File.Exists(program))
                return program;
        }
        return null;
    }
}
