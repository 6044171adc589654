namespace Sophia.Native.Cuda.Interop;

/// <summary>A library that was looked for, with all that was tried.</summary>
/// <param name="title">The library in words.</param>
/// <param name="handle">The loader's handle, 0 where it was not found.</param>
/// <param name="path">The file that was loaded.</param>
/// <param name="attempts">Every place in the order in which it was tried.</param>
internal sealed class LoadedLibrary(string title, nint handle, string? path, IReadOnlyList<LibraryAttempt> attempts)
{
    public string Title => title;

    public nint Handle => handle;

    public string? Path => path;

    public IReadOnlyList<LibraryAttempt> Attempts => attempts;

    public bool IsLoaded => handle != 0;

    /// <summary>Throws where the library was not found.</summary>
    /// <param name="remedy">What to do about it.</param>
    /// <exception cref="BackendUnavailableException">It was not found; the message lists every place.</exception>
    public void Require(string remedy)
    {
        if (!IsLoaded)
            throw new BackendUnavailableException($"cuda: {title} was not found. Tried: {string.Join("; ", attempts)}. {remedy}");
    }
}
