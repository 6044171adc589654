using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// How many lanes of a vector hold elements: all, or the first few at the end of a row. An operator is written once over this interface, so the
/// tail of a row runs through the same instructions as its middle and a lane never changes a bit.
/// </summary>
internal unsafe interface ILanes
{
    /// <summary>Loads the lanes; the others are zero.</summary>
    TVector Load<TSimd, TVector>(float* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;

    /// <summary>Stores the lanes; memory beyond them is not touched.</summary>
    void Store<TSimd, TVector>(float* destination, TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;

    /// <summary>The value in the lanes, zero in the others: what takes part in a sum over lanes.</summary>
    TVector Broadcast<TSimd, TVector>(float value)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

/// <summary>A whole vector.</summary>
internal readonly unsafe struct AllLanes : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Load<TSimd, TVector>(float* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => TSimd.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TSimd, TVector>(float* destination, TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => TSimd.Store(destination, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Broadcast<TSimd, TVector>(float value)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => TSimd.Create(value);
}

/// <summary>The first <paramref name="count"/> lanes of a vector.</summary>
internal readonly unsafe struct FirstLanes(int count) : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Load<TSimd, TVector>(float* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => TSimd.LoadPartial(source, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TSimd, TVector>(float* destination, TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => TSimd.StorePartial(destination, value, count);

    [SkipLocalsInit]
    public TVector Broadcast<TSimd, TVector>(float value)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var buffer = stackalloc float[TSimd.Width];
        TSimd.Store(buffer, TSimd.Create(value));
        return TSimd.LoadPartial(buffer, count);
    }
}
