using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.OpenCL;
using Sophia.Native.Ilgpu.Devices;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

/// <summary>
/// The ILGPU backend: every operation as a kernel in C#, on OpenCL, on CUDA and on ILGPU's CPU accelerator. Kernels are compiled at first use and kept; all of them run on one stream.
/// </summary>
/// <remarks>
/// Where to read first: <c>Operations/IlgpuBackend.Gelu.cs</c>, the shortest operation, then <c>IlgpuBackend.Launch.cs</c>. One caller at a time.
/// </remarks>
public sealed partial class IlgpuBackend : Backend
{
    private readonly Context? _ownContext;
    private readonly bool _ownsAccelerator;
    private readonly bool _ownsStream;
    private readonly Accelerator _accelerator;
    private readonly AcceleratorStream _stream;
    private readonly bool _avoidsBarriers;
    private readonly HashSet<IlgpuBuffer> _buffers = [];
    private bool _isDisposed;

    private IlgpuBackend(string name, Accelerator accelerator, AcceleratorStream? stream, Context? ownContext, IlgpuOptions options)
    {
        _avoidsBarriers = accelerator is CPUAccelerator && !options.TakesBarriers;
        _accelerator = accelerator;
        _ownContext = ownContext;
        _ownsAccelerator = ownContext is not null;
        _ownsStream = _ownsAccelerator;
        _stream = stream ?? (_ownsStream ? accelerator.CreateStream() : accelerator.DefaultStream);
        _compiler = MathIntrinsics.Compiler(accelerator);
        HasTeams = accelerator is not CLAccelerator && accelerator.WarpSize is 32 or 64;
        GroupSize = LargestGroup(accelerator);
        Description = $"ilgpu:{name}, {accelerator.Name}, groups of up to {accelerator.MaxNumThreadsPerGroup}, {(HasTeams ? $"warps of {accelerator.WarpSize}" : "without warps")}";
        _absent = Allocate(Arena.Alignment);
        _faults = Allocate(MostFaults * sizeof(int));
    }

    /// <summary>Opens this backend under the name <c>ilgpu</c>.</summary>
    public static IBackendProvider Provider { get; } = new IlgpuProvider();

    /// <inheritdoc/>
    public override string Name => "ilgpu";

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    /// <remarks>BFloat16 is 16 bits that kernels widen by a shift and round by integer arithmetic, so every device has it.</remarks>
    public override bool Supports(ElementType storage) => storage is ElementType.Float32 or ElementType.BFloat16;

    /// <summary>
    /// Whether kernels may give a row to a team of 32 threads of a warp; else a thread takes a whole row, with the same bits. Never under OpenCL, whose compilers choose the size of a subgroup for each kernel.
    /// </summary>
    internal bool HasTeams { get; }

    /// <summary>The most threads that a group of ours has: a power of two, at most 256.</summary>
    internal int GroupSize { get; }

    /// <summary>Where kernels run.</summary>
    internal Accelerator Accelerator => _accelerator;

    /// <summary>How many kernels have been compiled so far.</summary>
    internal int LoadedKernels => _kernels.Count;

    /// <summary>Opens the backend.</summary>
    /// <param name="options">Device, or the host program's accelerator and stream.</param>
    /// <exception cref="BackendUnavailableException">There is no such device; the message lists those that ILGPU finds, and why it refuses others.</exception>
    public static IlgpuBackend Open(IlgpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Accelerator is { } host)
        {
            if (options.Stream is { } stream && stream.Accelerator != host)
                throw new ArgumentException($"{nameof(IlgpuOptions.Stream)} must be a stream of {nameof(IlgpuOptions.Accelerator)} ({host.Name}), found one of {stream.Accelerator.Name}.");
            return new(host.AcceleratorType.ToString().ToLowerInvariant(), host, options.Stream, null, options);
        }
        if (options.Stream is not null)
            throw new ArgumentException($"{nameof(IlgpuOptions.Stream)} needs the {nameof(IlgpuOptions.Accelerator)} to which it belongs.");
        using var search = new DeviceSearch();
        var (name, device) = search.Find(options.Device);
        Accelerator? accelerator = null;
        try
        {
            var context = search.TakeContext();
            try
            {
                accelerator = device.CreateAccelerator(context);
                return new(name, accelerator, null, context, options);
            }
            catch
            {
                accelerator?.Dispose();
                context.Dispose();
                throw;
            }
        }
        catch (AcceleratorException refusal)
        {
            throw search.Unavailable($"{name} cannot be opened: {refusal.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        Enter();
        _stream.Synchronize();
        CheckFaults();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_isDisposed)
            return;
        _accelerator.Bind();
        _stream.Synchronize();
        foreach (var buffer in (IlgpuBuffer[])[.. _buffers])
            buffer.Dispose();
        foreach (var kernel in _kernels)
            kernel.Dispose();
        _isDisposed = true;
        if (_ownsStream)
            _stream.Dispose();
        if (_ownsAccelerator)
            _accelerator.Dispose();
        _ownContext?.Dispose();
    }

    /// <summary>Makes the accelerator current on the calling thread.</summary>
    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _accelerator.Bind();
    }

    /// <summary>On the CPU accelerator every thread of a group is one of the operating system's: no more than a warp of them, or all where warps are small.</summary>
    private static int LargestGroup(Accelerator accelerator)
    {
        var most = Math.Min(256, accelerator.MaxNumThreadsPerGroup);
        if (accelerator is CPUAccelerator)
            most = Math.Min(most, Math.Max(16, accelerator.WarpSize));
        var size = 1;
        while (2 * size <= most)
            size *= 2;
        return size;
    }
}
