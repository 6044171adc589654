namespace Sophia.Native.Conformance;

/// <summary>In which types the backend of a conformance class can store activations and parameters; without it in Float32 alone. It decides which cases the class has.</summary>
/// <param name="types">All types that the backend supports.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class StorageTypesAttribute(params ElementType[] types) : Attribute
{
    /// <summary>The types.</summary>
    public IReadOnlyList<ElementType> Types { get; } = types;

    /// <summary>The types of a test class.</summary>
    /// <param name="testClass">The class that is run, not the one that declares the test.</param>
    public static IReadOnlyList<ElementType> Of(Type? testClass) =>
        testClass is not null && GetCustomAttribute(testClass, typeof(StorageTypesAttribute)) is StorageTypesAttribute stated ? stated.Types : [ElementType.Float32];
}
