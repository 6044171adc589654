namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>Four running sums, which ILGPU keeps in registers.</summary>
internal readonly struct Quad(float x, float y, float z, float w)
{
    public readonly float X = x;
    public readonly float Y = y;
    public readonly float Z = z;
    public readonly float W = w;

    /// <summary>Adds factor * values, each fused.</summary>
    public Quad Plus(float factor, Quad values) => new(
        MathF.FusedMultiplyAdd(factor, values.X, X), MathF.FusedMultiplyAdd(factor, values.Y, Y), MathF.FusedMultiplyAdd(factor, values.Z, Z), MathF.FusedMultiplyAdd(factor, values.W, W));
}
