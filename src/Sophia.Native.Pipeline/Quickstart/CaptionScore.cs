namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>How much of a scene a caption names; scores of several captions add up.</summary>
/// <param name="ObjectsRight">Objects of the scene that the caption names rightly, each once.</param>
/// <param name="Objects">Objects of the scene.</param>
/// <param name="CaptionsRight">Captions whose statements are exactly the objects of the scene in order: 0 or 1 for one caption.</param>
/// <param name="Captions">Captions: 1 for one caption.</param>
public readonly record struct CaptionScore(int ObjectsRight, int Objects, int CaptionsRight, int Captions)
{
    /// <summary>Share of objects named rightly; null where there is no object.</summary>
    public double? Recall => Objects == 0 ? null : (double)ObjectsRight / Objects;

    /// <summary>Share of captions that are right as a whole; null where there is none.</summary>
    public double? WholeShare => Captions == 0 ? null : (double)CaptionsRight / Captions;

    /// <summary>Adds scores of two captions.</summary>
    public static CaptionScore operator +(CaptionScore left, CaptionScore right) =>
        new(left.ObjectsRight + right.ObjectsRight, left.Objects + right.Objects, left.CaptionsRight + right.CaptionsRight, left.Captions + right.Captions);
}
