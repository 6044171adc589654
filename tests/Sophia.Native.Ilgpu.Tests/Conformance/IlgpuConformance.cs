using Sophia.Native.Conformance;
using Sophia.Native.Conformance.Golden;

namespace Sophia.Native.Ilgpu.Tests.Conformance;

[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
[MostElements(IlgpuFamily.Limit, LiftedBy = IlgpuFamily.DevicesVariable)]
public sealed class IlgpuConformance(IlgpuFamily family) : OperationConformance(family), IClassFixture<IlgpuFamily>;

public sealed class IlgpuObjectiveGolden(IlgpuFamily family) : ObjectiveGoldenConformance(family), IClassFixture<IlgpuFamily>;
