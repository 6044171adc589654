using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// BFloat16 storage. Arithmetic is Float32, so what a call reads is widened into memory of the backend before it and what it leaves there is rounded after it: once, to nearest even, as the contract says.
// What must not be copied whole is read as it is stored: weights of linear layers and of the head (MatrixProduct.RoundedB), the key-value cache (AttentionForward), the embedding table (rows are copied
// as bytes). With Float32 the views go through unchanged and nothing is copied.
// Where to read first: GeluForwardCore, the shortest use.
public sealed unsafe partial class CpuBackend
{
    private const int ConversionBlock = 16 * 1024;

    private readonly List<CpuBuffer> _staging = [];

    /// <summary>How many buffers of <see cref="_staging"/> the present call uses.</summary>
    private int _staged;

    /// <inheritdoc/>
    public override bool Supports(ElementType storage) => storage is ElementType.Float32 or ElementType.BFloat16;

    /// <summary>The view to compute with, of the same content: itself, or a Float32 copy.</summary>
    private DeviceView Widen(DeviceView view)
    {
        if (view.Type != ElementType.BFloat16)
            return view;
        var widened = Stage(view);
        Convert(widened, view);
        return widened;
    }

    /// <summary>The view to compute into, of undefined content: itself, or one in Float32 that <see cref="Settle(DeviceView, DeviceView)"/> rounds.</summary>
    private DeviceView Stage(DeviceView view)
    {
        if (view.Type != ElementType.BFloat16)
            return view;
        var bytes = view.Length * sizeof(float);
        if (_staged == _staging.Count)
            _staging.Add(new(bytes));
        else if (_staging[_staged].Bytes < bytes)
        {
            _staging[_staged].Dispose();
            _staging[_staged] = new(bytes + bytes / 4);
        }
        return new(_staging[_staged++], 0, view.Rows, view.Columns, view.Columns, ElementType.Float32);
    }

    /// <summary>Ends a call, once for each output: what was computed beside its place is rounded into it.</summary>
    private void Settle(DeviceView output, DeviceView computed)
    {
        if (output.Type != computed.Type)
            Convert(output, computed);
        _staged = 0;
    }

    /// <summary>Ends a call that leaves nothing in a stored type.</summary>
    private void Settle() => _staged = 0;

    /// <summary>Between Float32 and BFloat16, either way.</summary>
    private void Convert(DeviceView destination, DeviceView source)
    {
        var whole = destination.IsContiguous && source.IsContiguous;
        var rows = whole ? (source.Length + ConversionBlock - 1) / ConversionBlock : source.Rows;
        RowLoop.Run(_path, _pool, new ConversionRow(destination, source, whole), rows, whole ? ConversionBlock : source.Columns);
    }

    /// <summary>A row, or a block of contiguous elements.</summary>
    private readonly struct ConversionRow(DeviceView destination, DeviceView source, bool whole) : IRowOperator
    {
        private readonly nint _destination = destination.Address;
        private readonly nint _source = source.Address;
        private readonly long _destinationStride = whole ? ConversionBlock : destination.Stride;
        private readonly long _sourceStride = whole ? ConversionBlock : source.Stride;
        private readonly long _columns = whole ? ConversionBlock : source.Columns;
        private readonly long _length = whole ? source.Length : long.MaxValue;
        private readonly bool _widens = source.Type == ElementType.BFloat16;

        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var count = (int)Math.Min(_columns, _length - row * _sourceStride);
            if (_widens)
                BFloat16.Widen(new((BFloat16*)_source + row * _sourceStride, count), new((float*)_destination + row * _destinationStride, count));
            else
                BFloat16.Round(new((float*)_source + row * _sourceStride, count), new((BFloat16*)_destination + row * _destinationStride, count));
        }
    }
}
