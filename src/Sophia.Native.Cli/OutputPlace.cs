using Sophia.Native.Data.Records;

namespace Sophia.Native.Cli;

/// <summary>Asks before the work whether its results can be written, leaving nothing behind, and writes folders whole or not at all.</summary>
internal static class OutputPlace
{
    /// <summary>Refuses a file that cannot be written.</summary>
    /// <param name="path">The file; null for stdout.</param>
    public static void RequireFile(string? path)
    {
        if (path is null)
            return;
        if (Directory.Exists(path))
            throw new IOException($"{path}: expected a file name to write to, found a folder.");
        Probe(path, Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/");
    }

    /// <summary>Refuses a folder that cannot be written to or made.</summary>
    public static void RequireFolder(string path)
    {
        if (File.Exists(path))
            throw new IOException($"{path}: expected a folder, found a file: choose another name.");
        Probe(path, Path.GetFullPath(path));
    }

    /// <summary>Refuses a folder that cannot be written to or that holds something already.</summary>
    public static void RequireNewFolder(string path, string advice)
    {
        RequireFolder(path);
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            throw new IOException($"{path}: expected a new or empty folder, found files: {advice}.");
    }

    /// <summary>Writes a folder beside its final name and renames it, so that there is never half a checkpoint.</summary>
    public static void WriteFolder(string folder, Action<string> write)
    {
        var final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var parent = Path.GetDirectoryName(final) ?? throw new IOException($"{folder}: expected a new folder, found the root of a file system.");
        Directory.CreateDirectory(parent);
        var unfinished = Path.Combine(parent, $".{Path.GetFileName(final)}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(unfinished);
            write(unfinished);
            if (Directory.Exists(final))
                Directory.Delete(final);
            Directory.Move(unfinished, final);
            AtomicFile.FlushFolder(parent);
        }
        catch
        {
            if (Directory.Exists(unfinished))
                Directory.Delete(unfinished, recursive: true);
            throw;
        }
    }

    private static void Probe(string path, string folder)
    {
        var existing = folder;
        while (!Directory.Exists(existing))
        {
            if (File.Exists(existing))
                throw new IOException($"{path}: expected a folder at {existing}, found a file.");
            existing = Path.GetDirectoryName(existing) ?? throw new IOException($"{path}: expected a place that can be written to, found no folder above it.");
        }
        var probe = Path.Combine(existing, $".sophia-{Environment.ProcessId}-{Guid.NewGuid():N}.tmp");
        try
        {
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
            {
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{path}: expected a place that can be written to, found that {existing} refuses a new file: choose another place or its permissions.", fault);
        }
    }
}
