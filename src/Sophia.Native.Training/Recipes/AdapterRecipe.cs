using Sophia.Native.Models;

namespace Sophia.Native.Training.Recipes;

/// <summary>What a recipe says of an adapter (LoRA): with it A and B of the targets are trained and the model itself is frozen.</summary>
public sealed record AdapterRecipe
{
    /// <summary>Rows of A and columns of B.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>The product of A and B counts alpha / rank times.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Linear layers by path or by what it ends with; null for all of the parts that the recipe does not freeze.</summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>Finds the linear layers in the parts of a model that a recipe does not freeze.</summary>
    /// <param name="config">The model.</param>
    /// <param name="freeze">What is not adapted: <see cref="Recipe.Freeze"/>.</param>
    /// <exception cref="InvalidDataException">A target means nothing in these parts of the model.</exception>
    public AdapterConfig Resolve(InternVLConfig config, IReadOnlyList<ParameterGroup> freeze)
    {
        ArgumentNullException.ThrowIfNull(freeze);
        ParameterGroup[] adapted = [.. new[] { ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder }.Except(freeze)];
        return AdapterConfig.Resolve(config, Rank, Alpha, Targets, adapted);
    }
}
