namespace Sophia.Native.Models.Files;

/// <summary>Gives parameters as a checkpoint is written, in chunks of whole rows.</summary>
public interface IParameterSource
{
    /// <summary>Copies rows of a parameter.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="rows">[count, columns] row-major, overwritten.</param>
    void Read(Parameter parameter, long firstRow, Span<float> rows);
}
