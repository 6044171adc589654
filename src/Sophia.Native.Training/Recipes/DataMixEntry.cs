namespace Sophia.Native.Training.Recipes;

/// <summary>A file that a run takes sequences from.</summary>
/// <param name="File">The file.</param>
/// <param name="Weight">Above 0: the share of this file among the sequences of a run is its weight over the sum of all weights.</param>
public sealed record DataMixEntry(RecipeFile File, double Weight);
