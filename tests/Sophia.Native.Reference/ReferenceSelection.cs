namespace Sophia.Native.Reference;

/// <summary>The selection modes, in the order of the engine's.</summary>
public enum ReferenceSelection
{
    /// <summary>Right answers of captions that pass the gate, the shortest first.</summary>
    Shortest,

    /// <summary>Right answers of any caption, the shortest first.</summary>
    NoCaptionReward,

    /// <summary>Right answers of captions that pass the gate, in random order.</summary>
    NoShortest,

    /// <summary>Any answer that has an end, in random order.</summary>
    Random,
}
