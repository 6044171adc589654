using Sophia.Native.Models;

namespace Sophia.Native.Training.Runs;

/// <summary>A file's samples and their share in a run.</summary>
/// <param name="Name">The file as metrics and messages name it.</param>
/// <param name="Samples">At least one sample.</param>
/// <param name="Weight">Above 0: of the run's sequences this source gives the share that its weight has of all weights.</param>
public sealed record SampleSource(string Name, IReadOnlyList<Sample> Samples, double Weight);
