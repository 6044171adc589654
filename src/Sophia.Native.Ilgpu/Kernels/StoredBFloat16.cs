using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>An element of <see cref="ElementType.BFloat16"/>: ILGPU has no such type, so it is 16 bits, widened by a shift and rounded by integer arithmetic as <see cref="BFloat16"/> rounds.</summary>
internal readonly struct StoredBFloat16(ushort bits) : IStored<StoredBFloat16>
{
    private readonly ushort _bits = bits;

    public static float Widen(StoredBFloat16 element) => Interop.IntAsFloat((uint)element._bits << 16);

    public static StoredBFloat16 Round(float value)
    {
        var bits = Interop.FloatAsInt(value);
        var upper = bits >> 16;
        var rounded = (bits + 0x7FFFu + (upper & 1u)) >> 16;
        // A NaN stays the NaN it was; one whose payload lies only in the half cut off becomes a quiet one.
        if ((bits & 0x7FFF_FFFFu) > 0x7F80_0000u)
            rounded = (upper & 0x7Fu) == 0u ? upper | 0x40u : upper;
        return new((ushort)rounded);
    }

    public static StoredBFloat16 RoundStochastically(float value, uint random) => new(StochasticRounding.Round(value, random).Bits);
}
