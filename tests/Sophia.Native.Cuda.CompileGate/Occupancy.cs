namespace Sophia.Native.Cuda.CompileGate;

/// <summary>The share of a multiprocessor's warps that a kernel can keep resident, by the rules of NVIDIA's occupancy calculator for compute capability 8.0 and 9.0.</summary>
internal static class Occupancy
{
    private const int Warp = 32;
    private const int MostWarps = 64;
    private const int MostBlocks = 32;
    private const int Registers = 65536;
    private const int RegisterUnit = 256;
    private const int WarpUnit = 4;
    private const int SharedUnit = 128;
    private const int ReservedSharedBytes = 1024;

    /// <summary>In percent, rounded down.</summary>
    /// <param name="architecture">sm_80 or sm_90a.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="registers">Registers of a thread.</param>
    /// <param name="sharedBytes">Shared memory of a block.</param>
    public static int Percent(string architecture, int threads, int registers, int sharedBytes)
    {
        var warps = RoundUp(threads, Warp) / Warp;
        var warpsByRegisters = Registers / RoundUp(registers * Warp, RegisterUnit) / WarpUnit * WarpUnit;
        var blocks = Math.Min(Math.Min(MostBlocks, MostWarps / warps), warpsByRegisters / warps);
        blocks = Math.Min(blocks, SharedBytesOf(architecture) / RoundUp(sharedBytes + ReservedSharedBytes, SharedUnit));
        return 100 * blocks * warps / MostWarps;
    }

    private static int SharedBytesOf(string architecture) => architecture switch
    {
        "sm_80" => 164 * 1024,
        "sm_90a" => 228 * 1024,
        _ => throw new ArgumentException($"The shared memory of a multiprocessor of {architecture} is not known here."),
    };

    private static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
