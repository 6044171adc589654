namespace Sophia.Native;

/// <summary>The type of the elements of a <see cref="DeviceView"/>.</summary>
public enum ElementType
{
    /// <summary>IEEE binary32.</summary>
    Float32,

    /// <summary>The upper half of a binary32, rounded to nearest even.</summary>
    BFloat16,

    /// <summary>32-bit signed integer.</summary>
    Int32,

    /// <summary>IEEE binary64; used by metrics only.</summary>
    Float64,
}
