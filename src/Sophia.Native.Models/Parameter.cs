namespace Sophia.Native.Models;

/// <summary>One parameter of the model in its canonical form: a row-major matrix, a vector being a matrix of one row.</summary>
/// <param name="Name">Canonical name, for example <c>decoder.layers.0.qkv.weight</c>.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Columns">Number of columns.</param>
/// <param name="Group">The part of the model it belongs to.</param>
/// <param name="Decays">Whether weight decay applies: two or more dimensions in the file, so class token and positions count, biases, norms and layer scales do not.</param>
/// <param name="Offset">First element in the arena, a multiple of <see cref="ParameterLayout.Alignment"/>.</param>
public sealed record Parameter(string Name, int Rows, int Columns, ParameterGroup Group, bool Decays, long Offset)
{
    /// <summary>Number of elements: rows * columns.</summary>
    public long Length => (long)Rows * Columns;

    /// <summary>How a random initialization fills it.</summary>
    internal Initialization Initialization { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{Rows}, {Columns}]";
}
