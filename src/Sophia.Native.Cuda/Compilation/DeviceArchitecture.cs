using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>For what NVRTC compiles.</summary>
/// <param name="Name">The value of --gpu-architecture, such as <c>sm_90a</c> or <c>compute_90</c>.</param>
/// <param name="IsPtx">Whether PTX is asked for rather than a cubin.</param>
internal readonly record struct DeviceArchitecture(string Name, bool IsPtx)
{
    /// <summary>The smallest compute capability with bfloat16 tensor cores and cp.async, times ten.</summary>
    public const int Smallest = 80;

    /// <summary>The exact architecture of a device, or PTX of the newest one the compiler knows where it does not know the device's.</summary>
    /// <param name="capability">Compute capability times ten, such as 90.</param>
    public static unsafe DeviceArchitecture For(int capability)
    {
        if (Nvrtc.nvrtcGetNumSupportedArchs(out var count) != 0)
            return Exact(capability);
        var known = new int[count];
        fixed (int* architectures = known)
        {
            if (Nvrtc.nvrtcGetSupportedArchs(architectures) != 0)
                return Exact(capability);
        }
        return Choose(capability, known);
    }

    /// <summary>The choice itself.</summary>
    /// <param name="capability">The device's compute capability times ten.</param>
    /// <param name="known">What the compiler knows.</param>
    public static DeviceArchitecture Choose(int capability, ReadOnlySpan<int> known)
    {
        if (known.Contains(capability))
            return Exact(capability);
        var newest = 0;
        foreach (var architecture in known)
        {
            if (architecture < capability)
                newest = Math.Max(newest, architecture);
        }
        return newest < Smallest
            ? throw new BackendUnavailableException($"cuda: NVRTC knows no architecture from compute capability {Smallest / 10}.{Smallest % 10} "
                + $"up to the device's {capability / 10}.{capability % 10}; install CUDA 12.4 or newer.")
            : new($"compute_{newest}", IsPtx: true);
    }

    /// <summary>From Hopper on the suffix a unlocks what later architectures do not have.</summary>
    private static DeviceArchitecture Exact(int capability) => new($"sm_{capability}{(capability >= 90 ? "a" : "")}", IsPtx: false);
}
