using Sophia.Native.Ilgpu.Devices;

namespace Sophia.Native.Ilgpu;

/// <summary>What <c>sophia doctor</c> says of ILGPU on this machine.</summary>
public static class IlgpuDiagnostics
{
    /// <summary>The devices that ILGPU finds, then those it refuses and the libraries that are missing, each with the reason; one fact a line.</summary>
    public static IReadOnlyList<string> Report()
    {
        using var search = new DeviceSearch();
        return search.Lines;
    }
}
