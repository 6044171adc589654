namespace Sophia.Native.Conformance;

/// <summary>A row of the table: an operation at a shape; its inputs are drawn anew whenever it is built.</summary>
/// <param name="Operation">The operation's name in the contract.</param>
/// <param name="Shape">Sizes and options in words; unique for the operation.</param>
/// <param name="Create">Draws the inputs.</param>
/// <param name="Storage">The type in which activations and parameters are stored.</param>
public sealed record OperationCase(string Operation, string Shape, Action<CaseInstance, CaseRandom> Create, ElementType Storage = ElementType.Float32)
{
    /// <summary>Operation, shape and, where it is not Float32, the storage type.</summary>
    public string Name { get; } = $"{Operation} {Shape}{(Storage == ElementType.BFloat16 ? " bf16" : "")}";

    /// <summary>The same case in another storage type.</summary>
    public OperationCase StoredAs(ElementType storage) => new(Operation, Shape, Create, storage);

    /// <summary>The case with this run's inputs.</summary>
    public CaseInstance Build()
    {
        var instance = new CaseInstance(Storage);
        Create(instance, ConformanceSeed.For(Name));
        return instance;
    }
}
