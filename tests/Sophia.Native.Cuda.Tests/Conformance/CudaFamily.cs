using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Conformance;

/// <summary>
/// Devices of the emulator. SOPHIA_CUDA_OPERATIONS=RmsNormForward,RmsNormBackward limits the tests to these operations.
/// </summary>
/// <param name="devices">The device under test, then those that must give the same bits.</param>
public abstract class CudaFamily(params int[] devices) : BackendFamily
{
    /// <summary>The environment variable that limits the tests; read at every use, because the mutation run changes it.</summary>
    internal const string OperationsVariable = "SOPHIA_CUDA_OPERATIONS";

    public override string? WhyNot => Emulator.WhyNot;

    public override string? WhyOmitted(string operation, CaseInstance? instance) =>
        Environment.GetEnvironmentVariable(OperationsVariable) is { } wanted && !wanted.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Contains(operation)
            ? $"{OperationsVariable} names other operations than {operation}." : null;

    /// <summary>Device 0 checks nothing and shall allocate nothing; the others see accesses behind the end of scratch memory.</summary>
    protected override IReadOnlyList<Backend> Open() => Array.ConvertAll(devices, number => CudaBackend.Open(new() { Device = number, CompilesAhead = false, ExactScratch = number > 0 }));
}
