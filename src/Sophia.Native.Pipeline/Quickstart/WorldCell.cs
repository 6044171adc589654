namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The four cells of the picture, in reading order.</summary>
internal enum WorldCell : byte
{
    /// <summary>Upper left.</summary>
    Northwest,

    /// <summary>Upper right.</summary>
    Northeast,

    /// <summary>Lower left.</summary>
    Southwest,

    /// <summary>Lower right.</summary>
    Southeast,
}
