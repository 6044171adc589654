namespace Sophia.Native.Models.Files;

/// <summary>Takes parameters in pieces: what a checkpoint is read into, or a random initialization written into.</summary>
public interface IParameterSink
{
    /// <summary>Takes rows of a parameter. Every row of every parameter comes exactly once, in order within a parameter.</summary>
    /// <param name="parameter">A parameter of the layout.</param>
    /// <param name="firstRow">First of the rows.</param>
    /// <param name="rows">Whole rows, [n, parameter.Columns]; valid during the call only.</param>
    void Write(Parameter parameter, long firstRow, ReadOnlySpan<float> rows);
}
