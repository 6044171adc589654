using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

/// <summary>
/// The CUDA backend: own kernels (kernels/), compiled by NVRTC for the device at hand and kept on disk, launched on one stream. NVIDIA's libraries are found on the machine.
/// </summary>
/// <remarks>
/// Where to read first: <c>Operations/CudaBackend.Gelu.cs</c>, the shortest operation, then <c>CudaBackend.Launch.cs</c>. One caller at a time. The caller's current context is left as it was.
/// </remarks>
public sealed partial class CudaBackend : Backend
{
    private readonly ContextHandle _context;
    private readonly StreamHandle? _ownStream;
    private readonly MatrixProductsHandle? _matrixProducts;
    private readonly nint _stream;
    private readonly CudaDevice _device;
    private readonly HashSet<CudaBuffer> _buffers = [];
    private long _synchronizations;
    private bool _isDisposed;

    private CudaBackend(CudaDevice device, ContextHandle context, nint? stream, CudaOptions options)
    {
        _device = device;
        _context = context;
        Numerics = options.Numerics;
        _exactScratch = options.ExactScratch;
        try
        {
            _ownStream = stream is null ? StreamHandle.Create(context) : null;
            _stream = stream ?? _ownStream!.Value;
            var store = new KernelStore(DeviceArchitecture.For(device.Capability), KernelCache.Open(options.CacheFolder), KernelSources.Open(options.KernelFolder));
            _modules = new(context, store, options.CompilesAhead && Environment.GetEnvironmentVariable("SOPHIA_CUDA_COMPILE_AHEAD") != "0");
            Description = $"cuda:{device.Number}, {device.Name}, {store.Architecture.Name}, driver {device.DriverVersion}, "
                + $"NVRTC {store.CompilerVersion}, {(Numerics == Numerics.Fast ? "fast" : "invariant")}";
            _staging = new(context, _stream);
            _faults = AllocateFaults();
            _matrixProducts = options.Numerics == Numerics.Fast ? MatrixProductsHandle.Create(context) : null;
        }
        catch
        {
            ReleaseAll();
            throw;
        }
    }

    /// <summary>Opens this backend under the name <c>cuda</c>.</summary>
    public static IBackendProvider Provider { get; } = new CudaProvider();

    /// <inheritdoc/>
    public override string Name => "cuda";

    /// <inheritdoc/>
    public override string Description { get; } = "cuda";

    /// <inheritdoc/>
    /// <remarks>A device without BFloat16 is refused when the backend is opened.</remarks>
    public override bool Supports(ElementType storage) => storage is ElementType.Float32 or ElementType.BFloat16;

    /// <summary>Whether linear layers use the own batch-invariant products or cuBLASLt.</summary>
    public Numerics Numerics { get; }

    /// <summary>What the device is and can do.</summary>
    internal CudaDevice Device => _device;

    /// <summary>How often the host has waited for the device.</summary>
    internal long HostWaits => _synchronizations + _staging.Waits;

    /// <summary>The stream of all operations.</summary>
    internal nint Stream => _stream;

    /// <summary>The handle of cuBLASLt; there only with <see cref="Numerics.Fast"/>.</summary>
    internal nint MatrixProducts => _matrixProducts!.Value;

    /// <summary>Opens the backend.</summary>
    /// <param name="options">Device, or the host program's context and stream.</param>
    /// <exception cref="BackendUnavailableException">No driver, no device, no compiler, or a device without bfloat16; the message says what was tried.</exception>
    public static CudaBackend Open(CudaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Context is { } hostContext)
            ArgumentOutOfRangeException.ThrowIfZero(hostContext, nameof(CudaOptions.Context));
        CudaDevice.RequireDriver();
        CudaLibraries.RequireCompiler();
        if (options.Numerics == Numerics.Fast)
            CudaLibraries.RequireMatrixProducts();
        var context = options switch
        {
            { Context: { } given } => ContextHandle.Foreign(given),
            { Stream: { } given and not 0 } => ContextHandle.Foreign(ContextOf(given)),
            _ => ContextHandle.Primary(CudaDevice.Find(options.Device).Handle),
        };
        try
        {
            return new(CudaDevice.Of(context.Device), context, options.Stream, options);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        using var scope = Enter();
        FetchFaults();
        WaitForStream();
        CheckFaults();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        ReleaseAll();
    }

    private void ReleaseAll()
    {
        // What a caller gave away without disposing of it would otherwise stay allocated in a context that goes on living.
        if (_context.TryEnter(out var scope))
        {
            using (scope)
            {
                CudaDriver.cuStreamSynchronize(_stream);
                foreach (var buffer in (CudaBuffer[])[.. _buffers])
                    buffer.Dispose();
            }
        }
        _staging?.Dispose();
        _modules?.Dispose();
        _arguments.Dispose();
        ReleaseLibraryProducts();
        _matrixProducts?.Dispose();
        _ownStream?.Dispose();
        _context.Dispose();
    }

    /// <summary>Makes the context current until the scope ends.</summary>
    private ContextHandle.Scope Enter()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _context.Enter();
    }

    private void WaitForStream()
    {
        _synchronizations++;
        CudaError.Check(CudaDriver.cuStreamSynchronize(_stream), $"cuStreamSynchronize() after {LastLaunch}");
    }

    private static nint ContextOf(nint stream)
    {
        CudaError.Check(CudaDriver.cuStreamGetCtx(stream, out var context), $"cuStreamGetCtx(stream {stream:x})");
        return context;
    }
}
