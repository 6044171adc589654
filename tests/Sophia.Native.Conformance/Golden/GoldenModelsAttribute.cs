namespace Sophia.Native.Conformance.Golden;

/// <summary>Which golden checkpoints a class runs, as model/layout; without it all of them.</summary>
/// <param name="names">Such as <c>internlm2-vit300m/hf</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class GoldenModelsAttribute(params string[] names) : Attribute
{
    private static readonly string[] All =
        ["internlm2-vit300m/hf", "internlm2-vit300m/original", "qwen2-vit300m/hf", "qwen2-vit300m/original", "qwen2-vit6b/hf", "qwen2-vit6b/original"];

    /// <summary>The checkpoints.</summary>
    public IReadOnlyList<string> Names { get; } = names;

    /// <summary>The checkpoints of a test class.</summary>
    /// <param name="testClass">The class that is run.</param>
    public static IReadOnlyList<string> Of(Type? testClass) =>
        testClass is not null && GetCustomAttribute(testClass, typeof(GoldenModelsAttribute)) is GoldenModelsAttribute stated ? stated.Names : All;
}
