using ILGPU.Runtime;

namespace Sophia.Native.Ilgpu;

/// <summary>What a caller may fix when the ILGPU backend is opened.</summary>
public sealed record IlgpuOptions
{
    /// <summary>The device as in a specification: <c>cuda</c>, <c>opencl:1</c>, <c>cpu</c>; empty for the first GPU. Not used where <see cref="Accelerator"/> is given.</summary>
    public string Device { get; init; } = "";

    /// <summary>An accelerator of the host program, which is neither created nor disposed of here; null for one of the backend's own.</summary>
    public Accelerator? Accelerator { get; init; }

    /// <summary>A stream of <see cref="Accelerator"/>, which is neither created nor disposed of here; null for its default stream.</summary>
    public AcceleratorStream? Stream { get; init; }

    /// <summary>Whether the kernels with barriers are run on the CPU accelerator too, whose barriers cost more than the reads that they save elsewhere: for tests.</summary>
    internal bool TakesBarriers { get; init; }
}
