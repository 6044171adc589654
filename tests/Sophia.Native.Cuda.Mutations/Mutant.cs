namespace Sophia.Native.Cuda.Mutations;

/// <summary>One change of one kernel file.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Function">The function it is in, or an empty text.</param>
/// <param name="Kind">What is broken.</param>
/// <param name="Offset">Where, in characters.</param>
/// <param name="Found">The text that is replaced.</param>
/// <param name="Replacement">By what.</param>
/// <param name="Line">The whole line, without indentation and comment.</param>
/// <param name="Place">Which of the equal lines of the function and the equal texts of the line it is, as <c>1.1</c>.</param>
internal sealed record Mutant(string File, string Function, MutationKind Kind, int Offset, string Found, string Replacement, string Line, string Place)
{
    /// <summary>A name that stays when other lines of the file change.</summary>
    public string Name => $"{File} | {Function} | {Change} | `{Line}` | {Place}";

    /// <summary>The change in words.</summary>
    public string Change => Kind == MutationKind.Barrier ? $"no `{Found}`" : $"`{Found}` to `{Replacement}`";

    /// <summary>The changed source.</summary>
    public string Apply(string source)
    {
        if (string.CompareOrdinal(source, Offset, Found, 0, Found.Length) != 0)
            throw new InvalidOperationException($"{Name}: the source has changed since it was read.");
        return string.Concat(source.AsSpan(0, Offset), Replacement, source.AsSpan(Offset + Found.Length));
    }
}
