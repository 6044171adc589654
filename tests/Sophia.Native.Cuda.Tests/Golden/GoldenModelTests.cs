using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Golden;

/// <summary>A golden model on the emulator's fast device in both storage types: the same tests that the CPU passes. On a GPU every golden model runs.</summary>
[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
[GoldenModels("internlm2-vit300m/hf")]
public sealed class GoldenModelTests(CudaFastFamily family) : ModelGoldenConformance(family), IClassFixture<CudaFastFamily>;
