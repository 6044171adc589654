namespace Sophia.Native.Training.Recipes;

/// <summary>What is measured while a run goes on; at least one of the two files.</summary>
/// <param name="Questions">Questions with answers, for the share that the policy answers rightly when it decodes greedily; or null.</param>
/// <param name="HeldOut">Trajectories or raw records that are not trained on, for the mean -log p of their trained tokens; or null.</param>
/// <param name="MaximumNewTokens">Most tokens of an answer.</param>
/// <param name="Count">So many questions from the beginning of the file; 0 for all.</param>
public sealed record EvaluationRecipe(RecipeFile? Questions, RecipeFile? HeldOut, int MaximumNewTokens, int Count);
