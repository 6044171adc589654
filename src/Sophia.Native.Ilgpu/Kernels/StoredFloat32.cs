namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>An element of <see cref="ElementType.Float32"/>.</summary>
internal readonly struct StoredFloat32(float value) : IStored<StoredFloat32>
{
    private readonly float _value = value;

    public static float Widen(StoredFloat32 element) => element._value;

    public static StoredFloat32 Round(float value) => new(value);

    public static StoredFloat32 RoundStochastically(float value, uint random) => new(value);
}
