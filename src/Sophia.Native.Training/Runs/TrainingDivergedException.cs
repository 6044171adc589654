namespace Sophia.Native.Training.Runs;

/// <summary>A loss or a gradient was not finite; the parameters are those before the step, and are saved.</summary>
/// <param name="message">Where it happened and where the last good state is.</param>
public sealed class TrainingDivergedException(string message) : Exception(message);
