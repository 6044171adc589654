namespace Sophia.Native.Training.Recipes;

/// <summary>What a run optimizes.</summary>
public enum ObjectiveKind
{
    /// <summary>-sg(clip(w, low, high)) * R * log p of every trained token (arXiv 2507.16814, equation 7), with a divergence term where one is asked for.</summary>
    Sophia,

    /// <summary>-log p of every trained token at temperature 1, whatever reward, weight or temperature its record has.</summary>
    SupervisedFineTuning,
}
