using System.Globalization;

namespace Sophia.Native.Data.Records;

/// <summary>
/// Holds a folder for one writer; who only reads needs no lock. The system lets go of it when the process ends, however it ends. The locked file stays in the folder:
/// one that was deleted could still be held by a second process while a third makes a new one.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private const string LockName = "lock";
    private const string HolderName = "lock.process";

    private readonly FileStream _file;

    /// <summary>Takes the lock without waiting.</summary>
    /// <param name="folder">A folder that exists.</param>
    /// <param name="content">What the folder holds, for the message: "the store".</param>
    /// <exception cref="IOException">Another writer holds the folder; the message names its process.</exception>
    public FolderLock(string folder, string content)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string holder = Path.Combine(folder, HolderName);
        try
        {
            _file = new FileStream(Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException held) when (held is not (FileNotFoundException or DirectoryNotFoundException))
        {
            throw new IOException($"{folder}: expected to be the only writer of {content}, found {Describe(holder)} writing to it; wait for it to end", held);
        }

        try
        {
            // In a file of its own: nobody else can read the locked one meanwhile.
            File.WriteAllText(holder, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file of a folder belongs to its lock, held or not.</summary>
    /// <param name="name">The name of the file without its folder.</param>
    public static bool IsLockFile(string name) => name is LockName or HolderName;

    /// <summary>Lets go of the folder.</summary>
    public void Dispose() => _file.Dispose();

    private static string Describe(string holder)
    {
        try
        {
            string process = File.ReadAllText(holder);
            return process.Length is > 0 and < 12 ? $"process {process}" : "another process";
        }
        catch (IOException)
        {
            return "another process";
        }
    }
}
