namespace Sophia.Native;

/// <summary>
/// A matrix in device memory: <see cref="Rows"/> x <see cref="Columns"/> elements, rows <see cref="Stride"/> elements apart, columns adjacent.
/// A vector is one row. The default value is the empty view, by which operations recognize an absent optional argument.
/// Tensors of more dimensions are views whose rows run over the leading dimensions; each operation says which.
/// </summary>
public readonly struct DeviceView
{
    /// <summary>Creates a view; the caller vouches that it lies inside the buffer, which is checked.</summary>
    /// <param name="buffer">The memory, or null while an arena is being measured.</param>
    /// <param name="byteOffset">Offset of the first element in bytes.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="stride">Elements between the starts of two rows.</param>
    /// <param name="type">Element type.</param>
    /// <exception cref="ArgumentOutOfRangeException">The view does not lie inside the buffer.</exception>
    public DeviceView(DeviceBuffer? buffer, long byteOffset, long rows, long columns, long stride, ElementType type)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, columns);
        var end = rows == 0 ? byteOffset : checked(byteOffset + ((rows - 1) * stride + columns) * type.Size());
        if (buffer is not null && end > buffer.Bytes)
            throw new ArgumentOutOfRangeException(nameof(rows), $"A view of {rows} x {columns} elements at byte {byteOffset} ends at byte {end}, the buffer has {buffer.Bytes}.");
        Buffer = buffer;
        ByteOffset = byteOffset;
        Rows = rows;
        Columns = columns;
        Stride = stride;
        Type = type;
    }

    /// <summary>The memory this view lies in; null in the empty view and while an arena is being measured.</summary>
    public DeviceBuffer? Buffer { get; }

    /// <summary>Offset of the first element in bytes.</summary>
    public long ByteOffset { get; }

    /// <summary>Number of rows.</summary>
    public long Rows { get; }

    /// <summary>Elements of a row.</summary>
    public long Columns { get; }

    /// <summary>Elements between the starts of two rows.</summary>
    public long Stride { get; }

    /// <summary>The element type.</summary>
    public ElementType Type { get; }

    /// <summary>Whether this is the default value: an argument that is not there.</summary>
    public bool IsAbsent => Buffer is null && Rows == 0 && Columns == 0;

    /// <summary>Rows times columns.</summary>
    public long Length => Rows * Columns;

    /// <summary>Whether the rows follow each other without a gap.</summary>
    public bool IsContiguous => Rows <= 1 || Stride == Columns;

    /// <summary>The device address of the first element, 0 where the device has no addresses.</summary>
    public nint Address => Buffer is null || Buffer.Address == 0 ? 0 : (nint)(Buffer.Address + ByteOffset);

    /// <summary>The rows [first, first + count).</summary>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    public DeviceView RowRange(long first, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + count, Rows);
        return new(Buffer, ByteOffset + first * Stride * Type.Size(), count, Columns, Stride, Type);
    }

    /// <summary>The columns [first, first + count) of every row.</summary>
    /// <param name="first">First column.</param>
    /// <param name="count">Number of columns.</param>
    public DeviceView ColumnRange(long first, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + count, Columns);
        return new(Buffer, ByteOffset + first * Type.Size(), Rows, count, Stride, Type);
    }

    /// <summary>The same elements in another shape; the view must be contiguous.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Elements of a row.</param>
    public DeviceView Reshape(long rows, long columns)
    {
        if (!IsContiguous || rows * columns != Length)
            throw new ArgumentException($"A {(IsContiguous ? "" : "strided ")}view of {Rows} x {Columns} cannot be read as {rows} x {columns}.");
        return new(Buffer, ByteOffset, rows, columns, columns, Type);
    }

    /// <summary>The shape and type, for messages.</summary>
    public override string ToString() => IsAbsent ? "absent" : $"[{Rows}, {Columns}] {Type}" + (IsContiguous ? "" : $" stride {Stride}");
}
