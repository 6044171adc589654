namespace Sophia.Native.Training.Runs;

/// <summary>Where a run is.</summary>
/// <param name="Step">The step that is done, from 1.</param>
/// <param name="TotalSteps">Steps of the run.</param>
/// <param name="Report">What the step reported.</param>
/// <param name="LearningRate">Of the step.</param>
/// <param name="TokensPerSecond">Tokens of the step over its seconds.</param>
public readonly record struct TrainingProgress(int Step, int TotalSteps, StepReport Report, double LearningRate, double TokensPerSecond);
