namespace Sophia.Native.Training.Recipes;

/// <summary>A file that a recipe names.</summary>
/// <param name="Name">As the recipe names it: relative to the folder of the recipe, or absolute.</param>
/// <param name="Path">Its absolute path.</param>
public sealed record RecipeFile(string Name, string Path);
