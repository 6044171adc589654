namespace Sophia.Native.Conformance;

/// <summary>What decides which tests a case takes part in.</summary>
/// <param name="Name">Operation and shape.</param>
/// <param name="Operation">The operation.</param>
/// <param name="Storage">The type in which activations and parameters are stored.</param>
/// <param name="Arguments">How many arguments are present.</param>
/// <param name="Elements">Elements of all arguments together.</param>
/// <param name="Items">How many independent items the batch has; 0 when it does not split.</param>
/// <param name="HasAliases">Whether an output may lie where an input lies.</param>
/// <param name="CanRepeat">Whether calling twice means something.</param>
public sealed record CaseTraits(string Name, string Operation, ElementType Storage, int Arguments, long Elements, int Items, bool HasAliases, bool CanRepeat);
