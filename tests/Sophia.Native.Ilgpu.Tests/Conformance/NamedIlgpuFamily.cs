using Sophia.Native.Conformance;

namespace Sophia.Native.Ilgpu.Tests.Conformance;

/// <summary>The devices that SOPHIA_ILGPU_DEVICES names, for what ILGPU's CPU accelerator is too slow for.</summary>
public sealed class NamedIlgpuFamily : BackendFamily
{
    public override string? WhyNot => IlgpuFamily.Named is null ? $"{IlgpuFamily.DevicesVariable} names no device; on ILGPU's CPU accelerator runs the golden model of GoldenModelTests." : null;

    protected override IReadOnlyList<Backend> Open() => IlgpuFamily.Open(IlgpuFamily.Named!);
}
