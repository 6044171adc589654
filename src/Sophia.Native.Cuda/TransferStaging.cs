using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

/// <summary>
/// Pinned host memory through which uploads and downloads go. An upload copies into the next free segment and returns; it waits only when all segments are still on their way.
/// A download waits for its data.
/// </summary>
internal sealed unsafe class TransferStaging : IDisposable
{
    private const int SegmentBytes = 1 << 20;
    private const int Segments = 8;
    private const int AsideBytes = 1024;

    private readonly ContextHandle _context;
    private readonly nint _stream;
    private readonly EventHandle[] _sent = new EventHandle[Segments];
    private readonly bool[] _isPending = new bool[Segments];
    private nint _memory;
    private int _next;
    private int _used;

    public TransferStaging(ContextHandle context, nint stream)
    {
        _context = context;
        _stream = stream;
        using var scope = context.Enter();
        CudaError.Check(CudaDriver.cuMemHostAlloc(out _memory, (nuint)Segments * SegmentBytes + AsideBytes, 0), $"cuMemHostAlloc({Segments * SegmentBytes + AsideBytes} bytes)");
        try
        {
            for (var i = 0; i < Segments; i++)
                _sent[i] = EventHandle.Create(context);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How often the host has waited for the device.</summary>
    public long Waits { get; private set; }

    /// <summary>What the last <see cref="FetchAside"/> brought, once the stream was waited for.</summary>
    public ReadOnlySpan<byte> Aside => new((byte*)_memory + (long)Segments * SegmentBytes, AsideBytes);

    /// <summary>Asks for a few bytes that are read after the next wait. The context is current.</summary>
    public void FetchAside(nint source, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, AsideBytes);
        CudaError.Check(CudaDriver.cuMemcpyDtoHAsync_v2((byte*)_memory + (long)Segments * SegmentBytes, source, (nuint)bytes, _stream), $"cuMemcpyDtoHAsync({bytes} bytes from 0x{source:x})");
    }

    /// <summary>Copies to the device; the source may be reused on return. The context is current.</summary>
    public void Upload(nint destination, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            if (_used == 0)
                Await(_next);
            // Small uploads that follow each other share a segment.
            var count = Math.Min(source.Length, SegmentBytes - _used);
            var staged = (byte*)_memory + (long)_next * SegmentBytes + _used;
            source[..count].CopyTo(new Span<byte>(staged, count));
            CudaError.Check(CudaDriver.cuMemcpyHtoDAsync_v2(destination, staged, (nuint)count, _stream), $"cuMemcpyHtoDAsync({count} bytes to 0x{destination:x})");
            source = source[count..];
            destination += count;
            _used = (_used + count + 63) & ~63;
            if (_used >= SegmentBytes)
                Close();
        }
    }

    /// <summary>Copies from the device and waits. The context is current.</summary>
    public void Download(Span<byte> destination, nint source, LastLaunch after)
    {
        if (_used > 0)
            Close();
        while (!destination.IsEmpty)
        {
            // Every free segment takes part: the copies follow each other on the device while the first are read here.
            var first = _next;
            var begun = 0;
            var left = destination.Length;
            while (begun < Segments && left > 0)
            {
                var at = (first + begun) % Segments;
                Await(at);
                var count = Math.Min(left, SegmentBytes);
                CudaError.Check(CudaDriver.cuMemcpyDtoHAsync_v2((byte*)_memory + (long)at * SegmentBytes, source, (nuint)count, _stream), $"cuMemcpyDtoHAsync({count} bytes from 0x{source:x}) after {after}");
                CudaError.Check(CudaDriver.cuEventRecord(_sent[at].Value, _stream), $"cuEventRecord()");
                _isPending[at] = true;
                source += count;
                left -= count;
                begun++;
            }
            for (var i = 0; i < begun; i++)
            {
                var at = (first + i) % Segments;
                Waits++;
                var result = CudaDriver.cuEventSynchronize(_sent[at].Value);
                _isPending[at] = false;
                CudaError.Check(result, $"cuEventSynchronize() of a download after {after}");
                var count = Math.Min(destination.Length, SegmentBytes);
                new ReadOnlySpan<byte>((byte*)_memory + (long)at * SegmentBytes, count).CopyTo(destination);
                destination = destination[count..];
            }
        }
    }

    /// <summary>Frees the memory; the stream is idle.</summary>
    public void Dispose()
    {
        foreach (var sent in _sent)
            sent?.Dispose();
        if (_memory == 0 || !_context.TryEnter(out var scope))
            return;
        using (scope)
            CudaDriver.cuMemFreeHost(_memory);
        _memory = 0;
    }

    /// <summary>Ends the present segment: it is free again when the device has passed this point.</summary>
    private void Close()
    {
        CudaError.Check(CudaDriver.cuEventRecord(_sent[_next].Value, _stream), $"cuEventRecord()");
        _isPending[_next] = true;
        _next = (_next + 1) % Segments;
        _used = 0;
    }

    private void Await(int segment)
    {
        if (!_isPending[segment])
            return;
        Waits++;
        CudaError.Check(CudaDriver.cuEventSynchronize(_sent[segment].Value), $"cuEventSynchronize() of an upload");
        _isPending[segment] = false;
    }
}
