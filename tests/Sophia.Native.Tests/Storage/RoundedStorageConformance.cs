using Sophia.Native.Conformance;

namespace Sophia.Native.Tests.Storage;

/// <summary>Rounded storage over the CPU at two and one threads.</summary>
public sealed class RoundedStorageFamily : BackendFamily
{
    protected override IReadOnlyList<Backend> Open()
    {
        int[] threads = [2, 1];
        return Array.ConvertAll(threads, Backend (count) => new RoundedStorageBackend(Backend.Open("cpu", new BackendOptions { Threads = count })));
    }
}

/// <summary>The table in both storage types: correct operations pass it, whatever hardware is at hand.</summary>
[StorageTypes(ElementType.Float32, ElementType.BFloat16)]
public sealed class RoundedStorageConformance(RoundedStorageFamily family) : OperationConformance(family), IClassFixture<RoundedStorageFamily>;
