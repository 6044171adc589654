using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

/// <summary>
/// Pinned host memory through which uploads and downloads go, in segments that are reused once the device has passed them. An upload copies into a free segment and returns; while all are on their way
/// another segment is added, and only when there are <see cref="MostSegments"/> the host waits for the oldest. A download waits for its data.
/// </summary>
internal sealed unsafe class TransferStaging : IDisposable
{
    private const int SegmentBytes = 2 << 20;
    private const int MostSegments = 64;
    private const int AsideBytes = 1024;

    private readonly ContextHandle _context;
    private readonly nint _stream;
    private readonly List<Segment> _segments = new(MostSegments);
    private readonly Stack<Segment> _free = new(MostSegments);
    private readonly Queue<Segment> _sent = new(MostSegments);
    private readonly Queue<Segment> _arriving = new(MostSegments);
    private readonly PinnedMemory _aside;
    private Segment? _filling;
    private int _filled;

    public TransferStaging(ContextHandle context, nint stream)
    {
        _context = context;
        _stream = stream;
        _aside = PinnedMemory.Allocate(context, AsideBytes);
        try
        {
            _free.Push(AddSegment());
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
    public ReadOnlySpan<byte> Aside => new((void*)_aside.Value, AsideBytes);

    /// <summary>Asks for a few bytes that are read after the next wait. The context is current.</summary>
    public void FetchAside(nint source, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, AsideBytes);
        CudaError.Check(CudaDriver.cuMemcpyDtoHAsync_v2((void*)_aside.Value, source, (nuint)bytes, _stream), $"cuMemcpyDtoHAsync({bytes} bytes from 0x{source:x})");
    }

    /// <summary>Copies to the device; the source may be reused on return. The context is current.</summary>
    public void Upload(nint destination, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            // Small uploads that follow each other share a segment.
            _filling ??= Take();
            var count = Math.Min(source.Length, SegmentBytes - _filled);
            var staged = _filling.Address + _filled;
            source[..count].CopyTo(new Span<byte>((void*)staged, count));
            CudaError.Check(CudaDriver.cuMemcpyHtoDAsync_v2(destination, (void*)staged, (nuint)count, _stream), $"cuMemcpyHtoDAsync({count} bytes to 0x{destination:x})");
            source = source[count..];
            destination += count;
            _filled = (_filled + count + Arena.Alignment - 1) & -Arena.Alignment;
            if (_filled >= SegmentBytes)
                Send();
        }
    }

    /// <summary>Copies from the device and waits. The context is current.</summary>
    public void Download(Span<byte> destination, nint source, LastLaunch after)
    {
        if (_filling is not null)
            Send();
        try
        {
            while (!destination.IsEmpty)
            {
                // The copies follow each other on the device while the first ones are read here.
                var left = destination.Length;
                while (left > 0 && _arriving.Count < MostSegments / 2)
                {
                    var segment = Take();
                    _arriving.Enqueue(segment);
                    var count = Math.Min(left, SegmentBytes);
                    CudaError.Check(CudaDriver.cuMemcpyDtoHAsync_v2((void*)segment.Address, source, (nuint)count, _stream), $"cuMemcpyDtoHAsync({count} bytes from 0x{source:x}) after {after}");
                    CudaError.Check(CudaDriver.cuEventRecord(segment.Passed.Value, _stream), $"cuEventRecord()");
                    source += count;
                    left -= count;
                }
                while (_arriving.TryDequeue(out var segment))
                {
                    _free.Push(segment);
                    Waits++;
                    CudaError.Check(CudaDriver.cuEventSynchronize(segment.Passed.Value), $"cuEventSynchronize() of a download after {after}");
                    var count = Math.Min(destination.Length, SegmentBytes);
                    new ReadOnlySpan<byte>((void*)segment.Address, count).CopyTo(destination);
                    destination = destination[count..];
                }
            }
        }
        catch
        {
            // A copy may still be on its way into these segments: they are not used again.
            _arriving.Clear();
            throw;
        }
    }

    /// <summary>Frees the memory; the stream is idle.</summary>
    public void Dispose()
    {
        foreach (var segment in _segments)
            segment.Dispose();
        _segments.Clear();
        _aside.Dispose();
    }

    /// <summary>Ends the segment that is being filled: it is free again when the device has passed this point.</summary>
    private void Send()
    {
        CudaError.Check(CudaDriver.cuEventRecord(_filling!.Passed.Value, _stream), $"cuEventRecord()");
        _sent.Enqueue(_filling);
        _filling = null;
        _filled = 0;
    }

    /// <summary>A segment that nothing is on its way in.</summary>
    private Segment Take()
    {
        while (_sent.TryPeek(out var oldest) && CudaDriver.cuEventQuery(oldest.Passed.Value) == CudaResult.Success)
            _free.Push(_sent.Dequeue());
        if (_free.TryPop(out var segment))
            return segment;
        if (_segments.Count < MostSegments)
            return AddSegment();
        Waits++;
        segment = _sent.Dequeue();
        CudaError.Check(CudaDriver.cuEventSynchronize(segment.Passed.Value), $"cuEventSynchronize() of an upload");
        return segment;
    }

    private Segment AddSegment()
    {
        var memory = PinnedMemory.Allocate(_context, SegmentBytes);
        try
        {
            var segment = new Segment(memory, EventHandle.Create(_context));
            _segments.Add(segment);
            return segment;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Pinned memory and the event behind the last copy in it.</summary>
    private sealed record Segment(PinnedMemory Memory, EventHandle Passed) : IDisposable
    {
        public nint Address => Memory.Value;

        public void Dispose()
        {
            Passed.Dispose();
            Memory.Dispose();
        }
    }
}
