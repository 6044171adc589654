using System.Globalization;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>Holds a folder for one writer. The system lets go of it when the process ends, however it ends.</summary>
internal sealed class WriterLock : IDisposable
{
    /// <summary>The file that is locked; nobody else can read it meanwhile.</summary>
    public const string LockName = "lock";

    /// <summary>The file that says which process it was locked by.</summary>
    public const string HolderName = "lock.process";

    private readonly FileStream _file;

    /// <exception cref="IOException">Another writer holds the folder; the message names its process.</exception>
    public WriterLock(string folder)
    {
        string holder = Path.Combine(folder, HolderName);
        try
        {
            _file = new FileStream(Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException held) when (held is not (FileNotFoundException or DirectoryNotFoundException))
        {
            throw new IOException($"{folder}: expected to be the only writer of the store, found {Describe(holder)} writing to it; wait for it to end", held);
        }

        try
        {
            File.WriteAllText(holder, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

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
