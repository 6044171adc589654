namespace Sophia.Native.Conformance.Golden;

/// <summary>The golden vectors: those of tests/golden, which every clone and every archive of the tests has, and the whole set, which may not be here.</summary>
public static class GoldenFiles
{
    /// <summary>The path of a file or folder of tests/golden above the running program.</summary>
    /// <param name="relativePath">Below tests/golden.</param>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static string Find(string relativePath)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, "tests", "golden", relativePath);
            if (File.Exists(path) || Directory.Exists(path))
                return path;
        }
        throw new FileNotFoundException($"tests/golden/{relativePath} is missing above {AppContext.BaseDirectory}.");
    }

    /// <summary>The path of a file or folder of the whole golden set (SOPHIA_GOLDEN, or shared/golden beside a parent folder), or null.</summary>
    /// <param name="relativePath">Below the set.</param>
    public static string? FindInWholeSet(string relativePath)
    {
        var root = Environment.GetEnvironmentVariable("SOPHIA_GOLDEN");
        if (!string.IsNullOrEmpty(root))
            return Existing(Path.Combine(root, relativePath));
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (Existing(Path.Combine(at.FullName, "shared", "golden", relativePath)) is { } found)
                return found;
        }
        return null;
    }

    private static string? Existing(string path) => File.Exists(path) || Directory.Exists(path) ? path : null;
}
