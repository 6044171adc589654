using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cpu;

/// <summary>Chooses the <see cref="CpuPath"/> of a backend: an explicit request first, then the environment, then what the processor has.</summary>
internal static class InstructionSetPath
{
    /// <summary>The environment variable that forces a path: <c>avx512</c> or <c>portable</c>.</summary>
    public const string EnvironmentVariable = "SOPHIA_CPU_PATH";

    /// <summary>Whether this processor can run <paramref name="path"/>.</summary>
    /// <remarks>
    /// The instruction sets are asked for by name: <c>Vector512.IsHardwareAccelerated</c> is also false on processors
    /// that have AVX-512 but for which the runtime prefers narrower vectors, and there the wide path is still faster.
    /// </remarks>
    public static bool IsSupported(CpuPath path) => path switch
    {
        CpuPath.Portable => true,
        CpuPath.Avx512 => Avx512F.IsSupported && Avx512DQ.IsSupported && Avx512BW.IsSupported && Avx512F.VL.IsSupported,
        _ => false,
    };

    /// <summary>Resolves the path to use.</summary>
    /// <param name="requested">A path the caller insists on, or null to look at <see cref="EnvironmentVariable"/> and then at the processor.</param>
    /// <exception cref="PlatformNotSupportedException">A path was requested that this processor cannot run.</exception>
    /// <exception cref="ArgumentException">The environment variable holds an unknown name.</exception>
    public static CpuPath Resolve(CpuPath? requested = null)
    {
        if (requested is { } explicitPath)
            return Require(explicitPath, "requested by the caller");
        string? name = Environment.GetEnvironmentVariable(EnvironmentVariable);
        if (string.IsNullOrWhiteSpace(name))
            return IsSupported(CpuPath.Avx512) ? CpuPath.Avx512 : CpuPath.Portable;
        return Require(Parse(name), $"requested by {EnvironmentVariable}={name}");
    }

    /// <summary>Reads a path's name (<c>avx512</c> or <c>portable</c>, any case).</summary>
    /// <param name="name">The name.</param>
    /// <param name="origin">Where it was written, for the message.</param>
    /// <exception cref="ArgumentException">The name is not one of the two.</exception>
    public static CpuPath Parse(string name, string origin = EnvironmentVariable) => name.Trim().ToLowerInvariant() switch
    {
        "avx512" => CpuPath.Avx512,
        "portable" => CpuPath.Portable,
        _ => throw new ArgumentException($"{origin}: expected 'avx512' or 'portable', found '{name}'. Correct it, or leave it out to get the best one."),
    };

    private static CpuPath Require(CpuPath path, string origin)
    {
        if (!IsSupported(path))
            throw new PlatformNotSupportedException($"The CPU path '{path}' was {origin}, but {(RuntimeFeature.IsDynamicCodeCompiled ? "this processor lacks" : "this program was compiled ahead of time without")} its instructions (AVX-512 F, DQ, BW and VL). Use 'portable', which runs everywhere.");
        return path;
    }
}
