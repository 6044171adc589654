using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Training.Runs;

/// <summary>OUT/snapshot.safetensors: the initial policy's log-probabilities of all samples, end to end. They are taken once; a resumed run, whose policy is another by then, reads them.</summary>
internal static class PolicySnapshots
{
    private const string FileName = "snapshot.safetensors";
    private const string TensorName = "log_probabilities";

    /// <summary>Takes and saves them: [samples][T].</summary>
    public static float[][] Take(string folder, Trainer trainer, IReadOnlyList<Sample> samples)
    {
        var snapshots = new float[samples.Count][];
        Sample[] all = [.. samples];
        trainer.Snapshot(all, snapshots);
        RemoveUnfinished(folder);
        using var writer = SafetensorsWriter.Create(Path.Combine(folder, FileName), [new(TensorName, FileElementType.F32, [CountTokens(samples)])]);
        foreach (var snapshot in snapshots)
            writer.WriteFloats(TensorName, snapshot);
        writer.Commit();
        return snapshots;
    }

    /// <summary>Reads those that the run began with.</summary>
    public static float[][] Read(string folder, IReadOnlyList<Sample> samples)
    {
        var path = Path.Combine(folder, FileName);
        using var file = SafetensorsFile.Open(path);
        var tensor = file[TensorName];
        var total = CountTokens(samples);
        if (tensor.ElementCount != total)
            throw new InvalidDataException($"{path}: expected {total} log-probabilities, one for each token of the data, found {tensor.ElementCount}.");
        var snapshots = new float[samples.Count][];
        long first = 0;
        for (var i = 0; i < snapshots.Length; i++)
        {
            snapshots[i] = new float[samples[i].Length];
            tensor.ReadFloats(first, snapshots[i]);
            first += snapshots[i].Length;
        }
        return snapshots;
    }

    private static long CountTokens(IReadOnlyList<Sample> samples)
    {
        long total = 0;
        foreach (var sample in samples)
            total += sample.Length;
        return total;
    }

    /// <summary>A run that was killed while it wrote the file left what it had of it.</summary>
    private static void RemoveUnfinished(string folder)
    {
        foreach (var path in Directory.GetFiles(folder, $".{FileName}.*.tmp"))
            File.Delete(path);
    }
}
