using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;
using Sophia.Native.Ilgpu.Tests.Conformance;

namespace Sophia.Native.Ilgpu.Tests.Golden;

/// <summary>The golden models that the CPU passes, a learning step among them. One of them is in every clone; the others need the whole golden set and are for other devices than the CPU accelerator.</summary>
[StorageTypes(ElementType.Float32)]
[GoldenModels("internlm2-vit300m/hf")]
public sealed class GoldenModelTests(IlgpuDirectFamily family) : ModelGoldenConformance(family), IClassFixture<IlgpuDirectFamily>;

/// <summary>The whole golden set in both storage types, on the devices that SOPHIA_ILGPU_DEVICES names (<c>tests/pocl.sh</c> names PoCL's).</summary>
[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class WholeGoldenModelTests(NamedIlgpuFamily family) : ModelGoldenConformance(family), IClassFixture<NamedIlgpuFamily>;
