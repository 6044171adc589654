using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Golden;

/// <summary>The golden models on the emulator's fast device, or the machine's first GPU, in both storage types: the tests that the CPU passes. One of them is in every clone; the others need the whole golden set.</summary>
[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
[GoldenModels("internlm2-vit300m/hf", "qwen2-vit300m/hf", "qwen2-vit6b/hf")]
public sealed class GoldenModelTests(CudaFastFamily family) : ModelGoldenConformance(family), IClassFixture<CudaFastFamily>;
