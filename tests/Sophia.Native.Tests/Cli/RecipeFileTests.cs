using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Tests.Cli;

/// <summary>The recipes that come with the project.</summary>
public sealed class RecipeFileTests
{
    [Fact]
    public void The_papers_recipe_says_what_the_paper_says()
    {
        var recipe = Recipe.Load(Find("sophia.json"));
        Assert.Equal(ImportanceRatio.One, recipe.Ratio);
        Assert.Equal(DivergenceEstimator.None, recipe.Divergence);
        Assert.Equal((2e-5, 0.05), (recipe.LearningRate, recipe.Optimizer.WeightDecay));
        Assert.Equal(0.25, recipe.Schedule.FinalFraction);
        Assert.Equal(512, recipe.BatchSequences);
        Assert.Equal([ParameterGroup.Vision, ParameterGroup.Projector], recipe.Freeze);
    }

    [Fact]
    public void Every_recipe_loads()
    {
        var folder = Path.GetDirectoryName(Find("sophia.json"))!;
        foreach (var file in Directory.GetFiles(folder, "*.json"))
            Assert.NotNull(Recipe.Load(file));
    }

    internal static string Find(string name)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, "recipes", name);
            if (File.Exists(path))
                return path;
        }
        throw new FileNotFoundException($"recipes/{name} is missing above {AppContext.BaseDirectory}.");
    }
}
