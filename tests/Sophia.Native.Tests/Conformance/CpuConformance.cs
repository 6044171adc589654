using System.Runtime.Intrinsics.X86;
using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;

namespace Sophia.Native.Tests.Conformance;

/// <summary>The CPU on one instruction path, at one, two and three threads.</summary>
public abstract class CpuFamily(string path) : BackendFamily
{
    protected override IReadOnlyList<Backend> Open()
    {
        int[] threads = [2, 1, 3];
        return Array.ConvertAll(threads, count => Backend.Open("cpu", new BackendOptions { Threads = count, CpuPath = path }));
    }
}

public sealed class CpuAvx512Family() : CpuFamily("avx512")
{
    public override string? WhyNot => Avx512F.IsSupported ? null : "This processor has no AVX-512; the portable path runs the same table.";
}

public sealed class CpuPortableFamily() : CpuFamily("portable");

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class CpuConformance_Avx512(CpuAvx512Family family) : OperationConformance(family), IClassFixture<CpuAvx512Family>;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class CpuConformance_Portable(CpuPortableFamily family) : OperationConformance(family), IClassFixture<CpuPortableFamily>;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class CpuAllocations_Avx512(CpuAvx512Family family) : AllocationConformance(family), IClassFixture<CpuAvx512Family>;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class CpuAllocations_Portable(CpuPortableFamily family) : AllocationConformance(family), IClassFixture<CpuPortableFamily>;

public sealed class CpuObjectiveGolden_Avx512(CpuAvx512Family family) : ObjectiveGoldenConformance(family), IClassFixture<CpuAvx512Family>;

public sealed class CpuObjectiveGolden_Portable(CpuPortableFamily family) : ObjectiveGoldenConformance(family), IClassFixture<CpuPortableFamily>;
