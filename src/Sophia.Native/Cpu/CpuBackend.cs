using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <summary>The managed SIMD backend: every operation in C#, on persistent worker threads; operations are done when they return.</summary>
/// <remarks>
/// Where to read first: <c>CpuBackend.Gelu.cs</c>, the shortest operation. Most operations are an operator struct, which says what happens to one vector, a row or a column,
/// and one of three loops, which are written once: <see cref="ElementwiseLoop"/>, <see cref="RowLoop"/> and <see cref="ColumnSumLoop"/>.
/// The instruction path is chosen when the backend is opened; every call looks at it once. One caller at a time.
/// </remarks>
public sealed partial class CpuBackend : Backend
{
    private readonly CpuPath _path;
    private readonly WorkerPool _pool;

    /// <summary>Memory of the calling thread for what lasts longer than one work item.</summary>
    private readonly WorkerScratch _callerScratch = new();

    private CpuBackend(CpuPath path, int threads)
    {
        _path = path;
        _pool = new WorkerPool(threads);
        Description = $"cpu, {(path == CpuPath.Avx512 ? "AVX-512" : PortableName)}, {_pool.ThreadCount} {(_pool.ThreadCount == 1 ? "thread" : "threads")}";
    }

    /// <summary>Opens this backend under the name <c>cpu</c>.</summary>
    public static IBackendProvider Provider { get; } = new CpuProvider();

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override string Description { get; }

    private static string PortableName => Vector256.IsHardwareAccelerated ? "portable 256-bit" : Vector128.IsHardwareAccelerated ? "portable 128-bit" : "portable scalar";

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new CpuBuffer(bytes);
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _pool.Dispose();
        _callerScratch.Dispose();
        foreach (var buffer in _staging)
            buffer.Dispose();
    }

    /// <inheritdoc/>
    protected override unsafe void UploadCore(DeviceView destination, ReadOnlySpan<byte> source) => source.CopyTo(new Span<byte>((void*)destination.Address, source.Length));

    /// <inheritdoc/>
    protected override unsafe void DownloadCore(Span<byte> destination, DeviceView source) => new ReadOnlySpan<byte>((void*)source.Address, destination.Length).CopyTo(destination);

    private sealed class CpuProvider : IBackendProvider
    {
        private const int MostThreads = 1024;

        public string Name => "cpu";

        public Backend Open(string device, BackendOptions options)
        {
            if (device.Length > 0 && device != "0")
                throw new BackendUnavailableException($"There is one CPU device, cpu or cpu:0; found 'cpu:{device}'.");
            if (options.Threads is < 0 or > MostThreads)
                throw new BackendUnavailableException($"cpu: expected 0 (all processors) to {MostThreads} threads, found {options.Threads}.");
            return new CpuBackend(ResolvePath(options.CpuPath), options.Threads);
        }

        private static CpuPath ResolvePath(string? requested)
        {
            try
            {
                return requested is null ? InstructionSetPath.Resolve() : InstructionSetPath.Resolve(InstructionSetPath.Parse(requested, nameof(BackendOptions.CpuPath)));
            }
            catch (Exception unavailable) when (unavailable is PlatformNotSupportedException or ArgumentException)
            {
                throw new BackendUnavailableException(
                    $"cpu: {unavailable.Message} Tried: avx512 ({(InstructionSetPath.IsSupported(CpuPath.Avx512) ? "available" : "not available")}), portable (available).");
            }
        }
    }
}
