namespace Sophia.Native.Conformance;

/// <summary>A row of the table: an operation at a shape; its inputs are drawn anew whenever it is built.</summary>
/// <param name="Operation">The operation's name in the contract.</param>
/// <param name="Shape">Sizes and options in words; unique for the operation.</param>
/// <param name="Create">Draws the inputs.</param>
public sealed record OperationCase(string Operation, string Shape, Action<CaseInstance, CaseRandom> Create)
{
    /// <summary>Operation and shape.</summary>
    public string Name => $"{Operation} {Shape}";

    /// <summary>The case with this run's inputs.</summary>
    public CaseInstance Build()
    {
        var instance = new CaseInstance();
        Create(instance, ConformanceSeed.For(Name));
        return instance;
    }
}
