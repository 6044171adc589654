using System.Diagnostics.Tracing;

namespace Sophia.Native.Cuda;

/// <summary>What the CUDA backend tells the outside while it works; listen to "Sophia.Native.Cuda" with dotnet-trace or an <see cref="EventListener"/>.</summary>
[EventSource(Name = "Sophia.Native.Cuda")]
internal sealed class CudaEventSource : EventSource
{
    public static readonly CudaEventSource Log = new();

    private CudaEventSource()
    {
    }

    /// <summary>A kernel file was compiled.</summary>
    [Event(1, Level = EventLevel.Informational, Message = "{0} was compiled for {1} in {2} ms: {3}")]
    public void Compiled(string specialization, string architecture, long milliseconds, string log) => WriteEvent(1, specialization, architecture, milliseconds, log);

    /// <summary>Compiled kernels are kept in memory.</summary>
    [Event(2, Level = EventLevel.Warning, Message = "The kernel cache {0} cannot be written, compiled kernels are kept in memory: {1}")]
    public void CacheNotWritable(string folder, string reason) => WriteEvent(2, folder, reason);

    /// <summary>A file of the kernel cache is damaged and is compiled anew.</summary>
    [Event(3, Level = EventLevel.Warning, Message = "The file {0} of the kernel cache is damaged; its kernels are compiled anew.")]
    public void CacheFileDamaged(string path) => WriteEvent(3, path);

    /// <summary>A kernel file could not be compiled before it was asked for.</summary>
    [Event(5, Level = EventLevel.Warning, Message = "{0} could not be compiled ahead: {1}")]
    public void NotCompiledAhead(string specialization, string reason) => WriteEvent(5, specialization, reason);

    /// <summary>The driver refused an image from the cache, which is compiled anew.</summary>
    [Event(4, Level = EventLevel.Warning, Message = "{0} from the kernel cache was refused and is compiled anew: {1}")]
    public void CachedImageRefused(string specialization, string reason) => WriteEvent(4, specialization, reason);
}
