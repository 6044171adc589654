namespace Sophia.Native.Models.Files;

/// <summary>A stretch of a canonical parameter as it lies, without interruption, in a tensor of a file.</summary>
/// <param name="Parameter">The canonical parameter.</param>
/// <param name="FirstElement">First element within the parameter, counted row by row. Stretches of a matrix begin and end with rows; those of a vector are ranges of its one row.</param>
/// <param name="ElementCount">Number of elements.</param>
public readonly record struct FileTensorPart(Parameter Parameter, long FirstElement, long ElementCount)
{
    /// <summary>First row of the stretch in a matrix; 0 in a vector.</summary>
    public long FirstRow => FirstElement / Parameter.Columns;

    /// <summary>Rows of the stretch in a matrix; 0 in a part of a vector.</summary>
    public long RowCount => ElementCount / Parameter.Columns;
}
