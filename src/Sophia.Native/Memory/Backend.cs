using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sophia.Native;

/// <summary>
/// A device that runs the operations of training and generation. Everything is ordered by one stream; no operation returns a value to the host:
/// results are read with <see cref="Download{T}"/>, which waits. The operations are in Operations/, one partial file each, with shapes and formulas.
/// Rules that hold for all of them: gradients of parameters are added to what is there, all other outputs are overwritten unless an argument says otherwise;
/// outputs do not overlap inputs unless the operation says so; shapes and types are checked at the border and violations throw <see cref="ArgumentException"/>.
/// A row of an output depends on its own inputs alone, never on other rows, on the number of threads or on how rows are split over calls.
/// </summary>
/// <remarks>
/// Element types: activations, their gradients and the parameters (weights, biases, norm weights) of one call are stored in one type, Float32 or, where <see cref="Supports"/> says so, BFloat16;
/// an operation names these arguments after "Storage". All others are Float32 (Int32 for ids, offsets and positions, Float64 for metrics), whatever is stored: saved statistics, gradients of
/// parameters, RoPE tables, pixels, logits, and what is per token. Arithmetic is fp32; a stored result is rounded once, to nearest even. An argument that is not stored as the others are is refused with
/// <see cref="ArgumentException"/>, a type that the backend does not support with <see cref="NotSupportedException"/>, before anything is written.
/// </remarks>
public abstract partial class Backend : IDisposable
{
    /// <summary>The name by which the backend was opened, such as <c>cpu</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The device and path in words, such as <c>cpu, AVX-512, 2 threads</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Whether activations and parameters can be stored in a type: Float32 everywhere, BFloat16 where the backend says so.</summary>
    /// <param name="storage">The element type.</param>
    public virtual bool Supports(ElementType storage) => storage == ElementType.Float32;

    /// <summary>Opens a backend: <c>auto</c>, <c>cpu</c>, or the name of a registered provider with an optional <c>:device</c>.</summary>
    /// <param name="specification">Which backend.</param>
    /// <param name="options">Threads and instruction path; null for the defaults.</param>
    /// <exception cref="BackendUnavailableException">It cannot be served; the message lists all that was tried.</exception>
    public static Backend Open(string specification, BackendOptions? options = null) => BackendProviders.Open(specification, options ?? new());

    /// <summary>Allocates device memory, filled with zeros.</summary>
    /// <param name="bytes">Size in bytes.</param>
    public abstract DeviceBuffer Allocate(long bytes);

    /// <summary>Waits until all that was asked of the device is done.</summary>
    public abstract void Synchronize();

    /// <summary>Copies host memory into a contiguous view; the source may be reused on return.</summary>
    /// <typeparam name="T">An element type of the size of the view's.</typeparam>
    /// <param name="destination">Contiguous view.</param>
    /// <param name="source">As many elements as the view has.</param>
    public void Upload<T>(DeviceView destination, ReadOnlySpan<T> source) where T : unmanaged
    {
        CheckTransfer<T>(destination, source.Length);
        UploadCore(destination, MemoryMarshal.AsBytes(source));
    }

    /// <summary>Copies a contiguous view into host memory, after all earlier operations.</summary>
    /// <typeparam name="T">An element type of the size of the view's.</typeparam>
    /// <param name="destination">As many elements as the view has.</param>
    /// <param name="source">Contiguous view.</param>
    public void Download<T>(Span<T> destination, DeviceView source) where T : unmanaged
    {
        CheckTransfer<T>(source, destination.Length);
        DownloadCore(MemoryMarshal.AsBytes(destination), source);
    }

    /// <summary>Copies floats into a contiguous view of Float32 or BFloat16, to which they are rounded, ties to even; the source may be reused on return.</summary>
    /// <param name="destination">Contiguous view of Float32 or BFloat16.</param>
    /// <param name="source">As many values as the view has elements.</param>
    public void UploadFloats(DeviceView destination, ReadOnlySpan<float> source)
    {
        if (destination.Type != ElementType.BFloat16)
        {
            Upload(destination, source);
            return;
        }
        var rounded = ArrayPool<BFloat16>.Shared.Rent(source.Length);
        BFloat16.Round(source, rounded);
        Upload<BFloat16>(destination, rounded.AsSpan(0, source.Length));
        ArrayPool<BFloat16>.Shared.Return(rounded);
    }

    /// <summary>Copies a contiguous view of Float32 or BFloat16 into host memory as floats, after all earlier operations.</summary>
    /// <param name="destination">As many values as the view has elements.</param>
    /// <param name="source">Contiguous view of Float32 or BFloat16.</param>
    public void DownloadFloats(Span<float> destination, DeviceView source)
    {
        if (source.Type != ElementType.BFloat16)
        {
            Download(destination, source);
            return;
        }
        var stored = ArrayPool<BFloat16>.Shared.Rent(destination.Length);
        Download<BFloat16>(stored.AsSpan(0, destination.Length), source);
        BFloat16.Widen(stored.AsSpan(0, destination.Length), destination);
        ArrayPool<BFloat16>.Shared.Return(stored);
    }

    /// <summary>Frees the device's resources. Buffers must have been disposed before.</summary>
    public abstract void Dispose();

    /// <inheritdoc cref="Upload{T}"/>
    protected abstract void UploadCore(DeviceView destination, ReadOnlySpan<byte> source);

    /// <inheritdoc cref="Download{T}"/>
    protected abstract void DownloadCore(Span<byte> destination, DeviceView source);

    private static void CheckTransfer<T>(DeviceView view, int count, [CallerMemberName] string operation = "")
    {
        if (!view.IsContiguous || view.Length != count || Unsafe.SizeOf<T>() != view.Type.Size())
            throw new ArgumentException($"{operation}: expected a contiguous view of {count} elements of {Unsafe.SizeOf<T>()} bytes, found {view}.");
    }
}
