namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The size of an object.</summary>
internal enum ObjectSize : byte
{
    /// <summary>Radius 6 to 7 pixels.</summary>
    Small,

    /// <summary>Radius 9.5 to 11 pixels.</summary>
    Big,
}
