namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>An element as it lies in memory; arithmetic is fp32.</summary>
internal interface IStored<TSelf>
    where TSelf : unmanaged, IStored<TSelf>
{
    /// <summary>The element's value, exactly.</summary>
    static abstract float Widen(TSelf element);

    /// <summary>A value rounded to nearest even.</summary>
    static abstract TSelf Round(float value);

    /// <summary>A value rounded by <see cref="StochasticRounding"/>; as it is where nothing is cut off.</summary>
    static abstract TSelf RoundStochastically(float value, uint random);
}
