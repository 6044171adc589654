namespace Sophia.Native.Conformance;

/// <summary>The largest cases that a conformance class has, for backends that are slow and whose kernels another class runs on all of them; without it the class has every case.</summary>
/// <param name="elements">The most elements that all arguments of a case may have together.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class MostElementsAttribute(long elements) : Attribute
{
    /// <summary>The most elements.</summary>
    public long Elements => LiftedBy is { } variable && Environment.GetEnvironmentVariable(variable) is not null ? long.MaxValue : elements;

    /// <summary>An environment variable that lifts the limit where it is set, because it names a faster device; or null.</summary>
    public string? LiftedBy { get; init; }

    /// <summary>The most elements of a test class.</summary>
    /// <param name="testClass">The class that is run, not the one that declares the test.</param>
    public static long Of(Type? testClass) =>
        testClass is not null && GetCustomAttribute(testClass, typeof(MostElementsAttribute)) is MostElementsAttribute stated ? stated.Elements : long.MaxValue;
}
