namespace Sophia.Native.Cuda.Interop;

/// <summary>One place where a library was looked for.</summary>
/// <param name="Place">A file, a folder or a variable.</param>
/// <param name="Outcome">What was found there.</param>
internal readonly record struct LibraryAttempt(string Place, string Outcome)
{
    public override string ToString() => $"{Place}: {Outcome}";
}
