using System.Globalization;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>The outcomes of a full run as they come, a line each in a file named by the sources, so that a run of an hour that was ended goes on where it was.</summary>
internal sealed class JudgedMutants
{
    private readonly string? _path;
    private readonly Dictionary<string, Outcome> _outcomes = [];
    private readonly Lock _lock = new();

    private JudgedMutants(string? path) => _path = path;

    /// <summary>Of a run that is quickly begun again: nothing is kept.</summary>
    public static JudgedMutants None => new(null);

    /// <summary>What became of a mutant, or of the unchanged sources, if that is known.</summary>
    /// <param name="name">The mutant's name.</param>
    public Outcome? Find(string name) => _outcomes.GetValueOrDefault(name);

    /// <summary>Opens the file of these sources; without one nothing is known yet.</summary>
    /// <param name="folder">The folder of such files.</param>
    /// <param name="kernels">The sources.</param>
    public static JudgedMutants Open(string folder, KernelFolder kernels)
    {
        Directory.CreateDirectory(folder);
        var judged = new JudgedMutants(Path.Combine(folder, kernels.Checksum + ".tsv"));
        foreach (var line in File.Exists(judged._path) ? File.ReadAllLines(judged._path!) : [])
        {
            // A line that was being written when the run was ended is short of a cell.
            if (line.Split('\t') is [var name, var seconds, var detector, var message, ""])
                judged._outcomes[name] = new(detector.Length > 0, detector, message, TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
        }
        return judged;
    }

    /// <summary>Keeps an outcome.</summary>
    public void Add(string name, Outcome outcome)
    {
        if (_path is null)
            return;
        lock (_lock)
            File.AppendAllText(_path, string.Create(CultureInfo.InvariantCulture, $"{name}\t{outcome.Duration.TotalSeconds:F1}\t{outcome.Detector}\t{outcome.Message.Replace('\t', ' ')}\t\n"));
    }
}
