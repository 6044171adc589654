using Sophia.Native.Conformance.Golden;

namespace Sophia.Native.Tests;

/// <summary>
/// Finds the files tests read: golden vectors committed to tests/golden, the whole golden set, and other people's data that is not in the repository.
/// </summary>
internal static class TestData
{
    /// <summary>A file or folder of tests/golden, which every clone has.</summary>
    public static string Golden(string relativePath) => GoldenFiles.Find(relativePath);

    /// <summary>A file or folder of the whole golden set (SOPHIA_GOLDEN, or shared/golden beside a parent folder); skips the test where it is absent.</summary>
    public static string FullGolden(string relativePath) =>
        GoldenFiles.FindInWholeSet(relativePath) ?? Skip("SOPHIA_GOLDEN", Path.Combine("shared", "golden"), relativePath);

    /// <summary>A file or folder of the test data (SOPHIA_TEST_DATA, or shared/data beside a parent folder); skips the test where it is absent.</summary>
    public static string Data(string relativePath) =>
        FindOrSkip("SOPHIA_TEST_DATA", Path.Combine("shared", "data"), relativePath);

    private static string FindOrSkip(string variable, string folder, string relativePath)
    {
        string? root = Environment.GetEnvironmentVariable(variable);
        string? found = string.IsNullOrEmpty(root) ? WalkUp(folder, relativePath) : Existing(Path.Combine(root, relativePath));
        return found ?? Skip(variable, folder, relativePath);
    }

    private static string Skip(string variable, string folder, string relativePath)
    {
        Assert.Skip($"{folder}/{relativePath} is not here; set {variable} to the folder that holds it.");
        return "";
    }

    private static string? WalkUp(string folder, string relativePath)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (Existing(Path.Combine(at.FullName, folder, relativePath)) is { } found) return found;
        }

        return null;
    }

    private static string? Existing(string path) => File.Exists(path) || Directory.Exists(path) ? path : null;
}
