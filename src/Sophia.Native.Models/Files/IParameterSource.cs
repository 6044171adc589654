namespace Sophia.Native.Models.Files;

/// <summary>Gives parameters in pieces: what a checkpoint is written from.</summary>
public interface IParameterSource
{
    /// <summary>Gives rows of a parameter.</summary>
    /// <param name="parameter">A parameter of the layout.</param>
    /// <param name="firstRow">First of the rows.</param>
    /// <param name="rows">Whole rows, [n, parameter.Columns], filled completely.</param>
    void Read(Parameter parameter, long firstRow, Span<float> rows);
}
