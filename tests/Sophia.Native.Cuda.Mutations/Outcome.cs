namespace Sophia.Native.Cuda.Mutations;

/// <summary>What became of a mutant.</summary>
/// <param name="IsCaught">Whether anything failed.</param>
/// <param name="Detector">By what it was caught.</param>
/// <param name="Message">What that said.</param>
/// <param name="Duration">How long it took.</param>
internal sealed record Outcome(bool IsCaught, string Detector, string Message, TimeSpan Duration);
