using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>One row of a micro-kernel's tile: one, two or three adjacent vectors held in registers.</summary>
internal unsafe interface IMatrixRow<TRow>
    where TRow : struct, IMatrixRow<TRow>
{
    /// <summary>Vectors of the row.</summary>
    static abstract int Vectors { get; }

    static abstract TRow Load(float* source);

    static abstract void Store(float* destination, TRow row);

    /// <summary>left + right.</summary>
    static abstract TRow Add(TRow left, TRow right);

    /// <summary>*scale * row + addend, fused.</summary>
    static abstract TRow MultiplyAdd(float* scale, TRow row, TRow addend);
}

/// <summary>A row of three vectors.</summary>
internal unsafe struct MatrixRow3<TSimd, TVector> : IMatrixRow<MatrixRow3<TSimd, TVector>>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    private TVector _first;
    private TVector _second;
    private TVector _third;

    public static int Vectors => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow3<TSimd, TVector> Load(float* source)
    {
        MatrixRow3<TSimd, TVector> row;
        row._first = TSimd.Load(source);
        row._second = TSimd.Load(source + TSimd.Width);
        row._third = TSimd.Load(source + 2 * TSimd.Width);
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, MatrixRow3<TSimd, TVector> row)
    {
        TSimd.Store(destination, row._first);
        TSimd.Store(destination + TSimd.Width, row._second);
        TSimd.Store(destination + 2 * TSimd.Width, row._third);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow3<TSimd, TVector> Add(MatrixRow3<TSimd, TVector> left, MatrixRow3<TSimd, TVector> right)
    {
        left._first = TSimd.Add(left._first, right._first);
        left._second = TSimd.Add(left._second, right._second);
        left._third = TSimd.Add(left._third, right._third);
        return left;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow3<TSimd, TVector> MultiplyAdd(float* scale, MatrixRow3<TSimd, TVector> row, MatrixRow3<TSimd, TVector> addend)
    {
        TVector factor = TSimd.Broadcast(scale);
        addend._first = TSimd.FusedMultiplyAdd(factor, row._first, addend._first);
        addend._second = TSimd.FusedMultiplyAdd(factor, row._second, addend._second);
        addend._third = TSimd.FusedMultiplyAdd(factor, row._third, addend._third);
        return addend;
    }
}

/// <summary>A row of two vectors.</summary>
internal unsafe struct MatrixRow2<TSimd, TVector> : IMatrixRow<MatrixRow2<TSimd, TVector>>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    private TVector _first;
    private TVector _second;

    public static int Vectors => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow2<TSimd, TVector> Load(float* source)
    {
        MatrixRow2<TSimd, TVector> row;
        row._first = TSimd.Load(source);
        row._second = TSimd.Load(source + TSimd.Width);
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, MatrixRow2<TSimd, TVector> row)
    {
        TSimd.Store(destination, row._first);
        TSimd.Store(destination + TSimd.Width, row._second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow2<TSimd, TVector> Add(MatrixRow2<TSimd, TVector> left, MatrixRow2<TSimd, TVector> right)
    {
        left._first = TSimd.Add(left._first, right._first);
        left._second = TSimd.Add(left._second, right._second);
        return left;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow2<TSimd, TVector> MultiplyAdd(float* scale, MatrixRow2<TSimd, TVector> row, MatrixRow2<TSimd, TVector> addend)
    {
        TVector factor = TSimd.Broadcast(scale);
        addend._first = TSimd.FusedMultiplyAdd(factor, row._first, addend._first);
        addend._second = TSimd.FusedMultiplyAdd(factor, row._second, addend._second);
        return addend;
    }
}

/// <summary>A row of one vector.</summary>
internal unsafe struct MatrixRow1<TSimd, TVector> : IMatrixRow<MatrixRow1<TSimd, TVector>>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    private TVector _first;

    public static int Vectors => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow1<TSimd, TVector> Load(float* source)
    {
        MatrixRow1<TSimd, TVector> row;
        row._first = TSimd.Load(source);
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, MatrixRow1<TSimd, TVector> row) => TSimd.Store(destination, row._first);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow1<TSimd, TVector> Add(MatrixRow1<TSimd, TVector> left, MatrixRow1<TSimd, TVector> right)
    {
        left._first = TSimd.Add(left._first, right._first);
        return left;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MatrixRow1<TSimd, TVector> MultiplyAdd(float* scale, MatrixRow1<TSimd, TVector> row, MatrixRow1<TSimd, TVector> addend)
    {
        addend._first = TSimd.FusedMultiplyAdd(TSimd.Broadcast(scale), row._first, addend._first);
        return addend;
    }
}
