using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;
using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Conformance;

/// <summary>
/// The emulator's fast device, unchecked, or the machine's first GPU: every case, or with SOPHIA_CUDA_MOST_ELEMENTS=N those whose arguments together have at most N elements (compute-sanitizer is slow).
/// </summary>
public sealed class CudaFastFamily() : CudaFamily(0)
{
    public override long MostElements { get; } = long.TryParse(Environment.GetEnvironmentVariable("SOPHIA_CUDA_MOST_ELEMENTS"), out var most) ? most : long.MaxValue;
}

/// <summary>
/// The emulator's checked devices, which watch every access and run threads in three orders. A case takes part when all its arguments together have at most <see cref="Limit"/> elements;
/// larger ones would take minutes and run the same kernels on the fast device.
/// </summary>
public sealed class CudaCheckedFamily() : CudaFamily(1, 2, 3)
{
    /// <summary>The most elements of a case.</summary>
    public const long Limit = 20_000;

    public override long MostElements => Limit;

    public override string? WhyNot => Emulator.IsReplacedByGpu ? "A GPU has no checked devices; they are the emulator's." : base.WhyNot;
}

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class CudaConformance_Fast(CudaFastFamily family) : OperationConformance(family), IClassFixture<CudaFastFamily>;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
[MostElements(CudaCheckedFamily.Limit)]
public sealed class CudaConformance_Checked(CudaCheckedFamily family) : OperationConformance(family), IClassFixture<CudaCheckedFamily>;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
[MostElements(CudaCheckedFamily.Limit)]
public sealed class CudaBounds(CudaCheckedFamily family) : BoundsConformance(family), IClassFixture<CudaCheckedFamily>;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class CudaAllocations(CudaFastFamily family) : AllocationConformance(family), IClassFixture<CudaFastFamily>;

public sealed class CudaObjectiveGolden(CudaFastFamily family) : ObjectiveGoldenConformance(family), IClassFixture<CudaFastFamily>;
