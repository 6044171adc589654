namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// Rotary position embedding in place, rotate-half form: of every head x and its position p, with h = D/2 and i below h,
    /// x[i], x[i + h] = x[i] * cos - x[i + h] * sin, x[i + h] * cos + x[i] * sin, where cos = table[p, i], sin = table[p, h + i].
    /// Its backward pass is the rotation by the opposite angle. Storage: values.
    /// </summary>
    /// <param name="values">[N, heads * D], rotated in place; queries and keys that lie side by side are rotated in one call.</param>
    /// <param name="table">[positions, D] Float32: D/2 cosines, then D/2 sines.</param>
    /// <param name="positions">[N] Int32, each below the rows of the table.</param>
    /// <param name="headSize">D, even.</param>
    /// <param name="inverse">Rotate by the opposite angle: the backward pass.</param>
    public void Rope(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse = false)
    {
        Require.Storage(this, values);
        Require.That(headSize > 0 && headSize % 2 == 0 && values.Columns % headSize == 0, $"an even head size that divides {values.Columns}, found {headSize}");
        Require.Shape(table, table.Rows, headSize);
        Require.Vector(positions, values.Rows, ElementType.Int32);
        RopeCore(values, table, positions, headSize, inverse);
    }

    /// <inheritdoc cref="Rope"/>
    protected abstract void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse);
}
