namespace Sophia.Native.Cpu;

/// <summary>The managed SIMD backend: every operation in C#, on persistent worker threads; operations are done when they return.</summary>
public sealed partial class CpuBackend : Backend
{
    /// <summary>Opens this backend under the name <c>cpu</c>.</summary>
    public static IBackendProvider Provider { get; } = new CpuProvider();

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override string Description => "cpu";

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
    }

    /// <inheritdoc/>
    protected override unsafe void UploadCore(DeviceView destination, ReadOnlySpan<byte> source) => source.CopyTo(new Span<byte>((void*)destination.Address, source.Length));

    /// <inheritdoc/>
    protected override unsafe void DownloadCore(Span<byte> destination, DeviceView source) => new ReadOnlySpan<byte>((void*)source.Address, destination.Length).CopyTo(destination);

    private sealed class CpuProvider : IBackendProvider
    {
        public string Name => "cpu";

        public Backend Open(string device, BackendOptions options)
        {
            if (device.Length > 0 && device != "0")
                throw new BackendUnavailableException($"There is one CPU device, cpu or cpu:0; found 'cpu:{device}'.");
            return new CpuBackend();
        }
    }
}
