using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The columns of a head that a lane owns, every sixteenth, in registers: of a head of size D the first D / 16 of these fields.</summary>
internal readonly struct HeadColumns(float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7)
{
    public const int Lanes = 16;

    private readonly float _c0 = c0;
    private readonly float _c1 = c1;
    private readonly float _c2 = c2;
    private readonly float _c3 = c3;
    private readonly float _c4 = c4;
    private readonly float _c5 = c5;
    private readonly float _c6 = c6;
    private readonly float _c7 = c7;

    /// <summary>Adds factor * values[at + 16 i] to column i, fused.</summary>
    public HeadColumns Plus<THead>(float factor, ArrayView<float> values, int at)
        where THead : unmanaged, IHeadSize => new(
        MathF.FusedMultiplyAdd(factor, values[at], _c0),
        THead.Size > 16 ? MathF.FusedMultiplyAdd(factor, values[at + 16], _c1) : 0f,
        THead.Size > 32 ? MathF.FusedMultiplyAdd(factor, values[at + 32], _c2) : 0f,
        THead.Size > 48 ? MathF.FusedMultiplyAdd(factor, values[at + 48], _c3) : 0f,
        THead.Size > 64 ? MathF.FusedMultiplyAdd(factor, values[at + 64], _c4) : 0f,
        THead.Size > 80 ? MathF.FusedMultiplyAdd(factor, values[at + 80], _c5) : 0f,
        THead.Size > 96 ? MathF.FusedMultiplyAdd(factor, values[at + 96], _c6) : 0f,
        THead.Size > 112 ? MathF.FusedMultiplyAdd(factor, values[at + 112], _c7) : 0f);

    /// <summary>this * factor + other * otherFactor.</summary>
    public HeadColumns Merge(float factor, HeadColumns other, float otherFactor) => new(
        MathF.FusedMultiplyAdd(other._c0, otherFactor, _c0 * factor), MathF.FusedMultiplyAdd(other._c1, otherFactor, _c1 * factor),
        MathF.FusedMultiplyAdd(other._c2, otherFactor, _c2 * factor), MathF.FusedMultiplyAdd(other._c3, otherFactor, _c3 * factor),
        MathF.FusedMultiplyAdd(other._c4, otherFactor, _c4 * factor), MathF.FusedMultiplyAdd(other._c5, otherFactor, _c5 * factor),
        MathF.FusedMultiplyAdd(other._c6, otherFactor, _c6 * factor), MathF.FusedMultiplyAdd(other._c7, otherFactor, _c7 * factor));

    /// <summary>Writes factor * column i to column at + 16 i of a row.</summary>
    public void Write<THead, TStored>(Matrix<TStored> target, long row, long at, float factor)
        where THead : unmanaged, IHeadSize
        where TStored : unmanaged, IStored<TStored>
    {
        target.Write(row, at, _c0 * factor);
        if (THead.Size > 16)
            target.Write(row, at + 16, _c1 * factor);
        if (THead.Size > 32)
            target.Write(row, at + 32, _c2 * factor);
        if (THead.Size > 48)
            target.Write(row, at + 48, _c3 * factor);
        if (THead.Size > 64)
            target.Write(row, at + 64, _c4 * factor);
        if (THead.Size > 80)
            target.Write(row, at + 80, _c5 * factor);
        if (THead.Size > 96)
            target.Write(row, at + 96, _c6 * factor);
        if (THead.Size > 112)
            target.Write(row, at + 112, _c7 * factor);
    }
}
