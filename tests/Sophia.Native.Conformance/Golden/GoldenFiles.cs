namespace Sophia.Native.Conformance.Golden;

/// <summary>The golden vectors of tests/golden, which every clone and every archive of the tests has.</summary>
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
}
