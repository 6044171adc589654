namespace Sophia.Native.Training.Runs;

/// <summary>
/// Keeps a second run out of a folder: a file that one process can hold open at a time. The system lets go of it when the process ends, however it ends;
/// metrics.jsonl itself stays free to be read.
/// </summary>
internal sealed class RunLock : IDisposable
{
    private readonly FileStream _file;

    public RunLock(string folder)
    {
        try
        {
            _file = new(Path.Combine(folder, ".lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (IOException fault)
        {
            throw new IOException($"{folder}: expected a folder that no other run is using, found it locked: wait for that run or choose another folder ({fault.Message})", fault);
        }
    }

    public void Dispose() => _file.Dispose();
}
