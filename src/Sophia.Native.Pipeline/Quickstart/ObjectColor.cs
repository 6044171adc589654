namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The color of an object; each channel varies by a tenth from object to object.</summary>
internal enum ObjectColor : byte
{
    /// <summary>About (.85, .2, .2).</summary>
    Red,

    /// <summary>About (.2, .7, .25).</summary>
    Green,

    /// <summary>About (.2, .3, .85).</summary>
    Blue,

    /// <summary>About (.85, .8, .2).</summary>
    Yellow,
}
