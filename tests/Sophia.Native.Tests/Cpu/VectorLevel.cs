using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Tests.Cpu;

/// <summary>What the runtime compiles the portable path to on x64, and the setting of the runtime that takes a processor down to it.</summary>
/// <param name="Name">Its name in the name of a test.</param>
/// <param name="Setting">The environment variable that, set to 0, takes away what is above the level.</param>
/// <param name="Instructions">What a program at this level says that it has, of <see cref="InForce"/>.</param>
internal sealed record VectorLevel(string Name, string Setting, string Instructions)
{
    /// <summary>From the widest to none. A processor with AVX-512 gives the portable path its encodings where nothing is set: that is the level of all other tests.</summary>
    public static IReadOnlyList<VectorLevel> All { get; } =
    [
        new("avx2", "DOTNET_EnableAVX512", "Sse42 Avx Avx2 Fma Vector128 Vector256"),
        new("avx", "DOTNET_EnableAVX2", "Sse42 Avx Vector128"),
        new("sse4.2", "DOTNET_EnableAVX", "Sse42 Vector128"),
        new("scalar", "DOTNET_EnableHWIntrinsic", ""),
    ];

    /// <summary>What this program has.</summary>
    public static string InForce
    {
        get
        {
            (string Name, bool IsThere)[] instructions =
            [
                ("Sse42", Sse42.IsSupported), ("Avx", Avx.IsSupported), ("Avx2", Avx2.IsSupported), ("Fma", Fma.IsSupported), ("Avx512F", Avx512F.IsSupported),
                ("Vector128", Vector128.IsHardwareAccelerated), ("Vector256", Vector256.IsHardwareAccelerated), ("Vector512", Vector512.IsHardwareAccelerated),
            ];
            return string.Join(' ', instructions.Where(instruction => instruction.IsThere).Select(instruction => instruction.Name));
        }
    }

    /// <summary>Whether this program has all that the level has: without, it cannot be taken down to it.</summary>
    public bool IsWithin(string instructions) => Instructions.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(instructions.Split(' ').Contains);
}
