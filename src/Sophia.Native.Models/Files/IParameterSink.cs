namespace Sophia.Native.Models.Files;

/// <summary>Takes parameters as a checkpoint is read, in chunks of whole rows.</summary>
public interface IParameterSink
{
    /// <summary>Takes rows of a parameter.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="rows">[count, columns] row-major.</param>
    void Write(Parameter parameter, long firstRow, ReadOnlySpan<float> rows);
}
