using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sophia.Native.Cli.Profiling;

/// <summary>
/// A backend in front of another that times every operation to its end and hands all of it to a <see cref="Profile"/>. It waits after every operation, so that on a
/// device that runs ahead of the host the whole takes longer than without it.
/// </summary>
internal sealed partial class ProfilingBackend(Backend inner, Profile profile) : Backend
{
    private readonly Backend _inner = inner;

    public override string Name => _inner.Name;

    public override string Description => _inner.Description;

    public override bool Supports(ElementType storage) => _inner.Supports(storage);

    public override DeviceBuffer Allocate(long bytes) => _inner.Allocate(bytes);

    public override void Synchronize() => _inner.Synchronize();

    public override void Dispose()
    {
        profile.Finish(_inner);
        _inner.Dispose();
    }

    protected override void UploadCore(DeviceView destination, ReadOnlySpan<byte> source)
    {
        var begin = Stopwatch.GetTimestamp();
        switch (destination.Type.Size())
        {
            case 1:
                _inner.Upload(destination, source);
                break;
            case 2:
                _inner.Upload(destination, MemoryMarshal.Cast<byte, short>(source));
                break;
            case 8:
                _inner.Upload(destination, MemoryMarshal.Cast<byte, long>(source));
                break;
            default:
                _inner.Upload(destination, MemoryMarshal.Cast<byte, int>(source));
                break;
        }
        End("Upload", begin, Wait(), 0, 2L * source.Length);
    }

    protected override void DownloadCore(Span<byte> destination, DeviceView source)
    {
        var begin = Stopwatch.GetTimestamp();
        switch (source.Type.Size())
        {
            case 1:
                _inner.Download(destination, source);
                break;
            case 2:
                _inner.Download(MemoryMarshal.Cast<byte, short>(destination), source);
                break;
            case 8:
                _inner.Download(MemoryMarshal.Cast<byte, long>(destination), source);
                break;
            default:
                _inner.Download(MemoryMarshal.Cast<byte, int>(destination), source);
                break;
        }
        End("Download", begin, Wait(), 0, 2L * destination.Length);
    }

    /// <summary>The moment when all is done that was asked for.</summary>
    private long Wait()
    {
        _inner.Synchronize();
        return Stopwatch.GetTimestamp();
    }

    private void End(string operation, long begin, long end, double operations, long bytes) => profile.Add(operation, begin, end, operations, bytes);
}
