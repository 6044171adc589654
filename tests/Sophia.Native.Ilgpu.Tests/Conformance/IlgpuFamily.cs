using Sophia.Native.Conformance;

namespace Sophia.Native.Ilgpu.Tests.Conformance;

/// <summary>
/// ILGPU's CPU accelerator in both shapes, groups of 16 threads without teams and warps of 32 with them, which must give the same bits; or the devices that SOPHIA_ILGPU_DEVICES names
/// (<c>cuda:0</c>, <c>opencl:0,cpu:0</c>), with every case. On the CPU accelerator every thread is one of the operating system's and a barrier costs milliseconds: a case takes part when all its arguments together
/// have at most <see cref="Limit"/> elements. It runs the kernels of GPUs, barriers and all; <see cref="IlgpuDirectFamily"/> is as a user has it.
/// </summary>
public class IlgpuFamily : BackendFamily
{
    /// <summary>The most elements of a case on the CPU accelerator.</summary>
    public const long Limit = 3_000;

    private const string OperationsVariable = "SOPHIA_ILGPU_OPERATIONS";
    private static readonly string? Operations = Environment.GetEnvironmentVariable(OperationsVariable);
    internal const string DevicesVariable = "SOPHIA_ILGPU_DEVICES";
    internal static readonly string? Named = Environment.GetEnvironmentVariable(DevicesVariable);

    public override long MostElements => Named is null ? Limit : long.MaxValue;

    /// <summary>SOPHIA_ILGPU_OPERATIONS=RmsNormForward,RmsNormBackward limits the tests to these operations.</summary>
    public override string? WhyOmitted(string operation, CaseInstance? instance) =>
        Operations is { } wanted && !wanted.Split(',').Contains(operation) ? $"{OperationsVariable} names other operations than {operation}." : null;

    protected override IReadOnlyList<Backend> Open() => Open(Named ?? "cpu:0,cpu:1", takesBarriers: true);

    internal static IReadOnlyList<Backend> Open(string names, bool takesBarriers = false) =>
        Array.ConvertAll(names.Split(','), name => IlgpuBackend.Open(new() { Device = name, TakesBarriers = takesBarriers }));
}

/// <summary>The first device as a user opens it: the CPU accelerator takes the kernels without barriers where there are any.</summary>
public sealed class IlgpuDirectFamily : IlgpuFamily
{
    protected override IReadOnlyList<Backend> Open() => Open(Named ?? "cpu:0");
}
