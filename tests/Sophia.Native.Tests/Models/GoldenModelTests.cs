using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;

namespace Sophia.Native.Tests.Models;

/// <summary>The CPU as it opens by itself.</summary>
public sealed class CpuDefaultFamily : BackendFamily
{
    protected override IReadOnlyList<Backend> Open() => [Backend.Open("cpu")];
}

/// <summary>The golden models on the CPU.</summary>
public sealed class GoldenModelTests(CpuDefaultFamily family) : ModelGoldenConformance(family), IClassFixture<CpuDefaultFamily>;

/// <summary>The golden models in BFloat16 on the CPU.</summary>
[StorageTypes(ElementType.BFloat16)]
[GoldenModels("internlm2-vit300m/hf", "qwen2-vit300m/hf", "qwen2-vit6b/hf")]
public sealed class GoldenModelTests_BFloat16(CpuDefaultFamily family) : ModelGoldenConformance(family), IClassFixture<CpuDefaultFamily>;
