namespace Sophia.Native.Conformance;

/// <summary>What an operation does with an argument.</summary>
public enum ArgumentRole
{
    /// <summary>Read only.</summary>
    Input,

    /// <summary>Overwritten: what was there must not matter.</summary>
    Output,

    /// <summary>Added to.</summary>
    Accumulated,

    /// <summary>Read and written.</summary>
    Updated,

    /// <summary>Written at will; nothing is expected of it.</summary>
    Workspace,
}

/// <summary>One argument of a case: its shape, what is there before the call, and what the reference expects after it.</summary>
public sealed class Argument
{
    internal Argument(string name, ArgumentRole role, ElementType type, long rows, long columns, bool isVector, double[]? values)
    {
        Name = name;
        Role = role;
        Type = type;
        Rows = rows;
        Columns = columns;
        IsVector = isVector;
        Values = values ?? new double[rows * columns];
        if (Values.Length != rows * columns)
            throw new ArgumentException($"{name} has {rows} x {columns} elements, found {Values.Length} values.", nameof(values));
        Expected = role == ArgumentRole.Input ? Values : (double[])Values.Clone();
        if (role == ArgumentRole.Output)
            Array.Fill(Expected, double.NaN);
    }

    /// <summary>The argument's name in the contract.</summary>
    public string Name { get; }

    /// <summary>What the operation does with it.</summary>
    public ArgumentRole Role { get; }

    /// <summary>Element type.</summary>
    public ElementType Type { get; }

    /// <summary>Rows.</summary>
    public long Rows { get; }

    /// <summary>Columns.</summary>
    public long Columns { get; }

    /// <summary>Whether the contract wants contiguous elements.</summary>
    public bool IsVector { get; }

    /// <summary>What is there before the call.</summary>
    public double[] Values { get; }

    /// <summary>What the reference leaves; starts as <see cref="Values"/>, or NaN where everything must be overwritten.</summary>
    public double[] Expected { get; }

    /// <summary>The values as whole numbers.</summary>
    public int[] Integers => Array.ConvertAll(Values, value => (int)value);

    /// <summary>Rows (of a vector: elements) that one independent item of the batch has; 0 when the argument is shared by the batch.</summary>
    public int ItemSize { get; private set; }

    /// <summary>Allowed error that does not depend on the value.</summary>
    public double Absolute { get; private set; }

    /// <summary>Allowed error as a share of the value's size, or of <see cref="Magnitude"/>.</summary>
    public double Relative { get; private set; }

    /// <summary>Where the tolerance comes from.</summary>
    public string Source { get; private set; } = "exact";

    /// <summary>
    /// Sums of the absolute values that were added up for an element, where rounding errors grow with them rather than with the result; set by the case's reference.
    /// </summary>
    public double[]? Magnitude { get; set; }

    /// <summary>Whether the contract lets the argument be absent.</summary>
    public bool IsOptional { get; private set; }

    /// <summary>Whether the number of rows is free: not fixed by the other arguments.</summary>
    public bool HasFreeRows { get; private set; }

    /// <summary>Whether the number of columns is free.</summary>
    public bool HasFreeColumns { get; private set; }

    /// <summary>States the tolerance of an output: absolute + relative * max(|expected|, magnitude).</summary>
    public Argument Within(double relative, double absolute, string source)
    {
        (Relative, Absolute, Source) = (relative, absolute, source);
        return this;
    }

    /// <summary>Its rows belong to independent items of the batch, so many to an item.</summary>
    public Argument PerRow(int itemSize = 1)
    {
        ItemSize = itemSize;
        return this;
    }

    /// <summary>The contract lets it be absent.</summary>
    public Argument Optional()
    {
        IsOptional = true;
        return this;
    }

    /// <summary>Its rows are not fixed by other arguments.</summary>
    public Argument FreeRows()
    {
        HasFreeRows = true;
        return this;
    }

    /// <summary>Its columns are not fixed by other arguments.</summary>
    public Argument FreeColumns()
    {
        HasFreeColumns = true;
        return this;
    }

    /// <summary>Sets every magnitude to the largest expected size of the tensor: for sums whose terms are much larger than some results.</summary>
    public void MagnitudeOfLargest()
    {
        var largest = 0.0;
        foreach (var value in Expected)
            largest = Math.Max(largest, double.IsFinite(value) ? Math.Abs(value) : 0.0);
        Magnitude = new double[Expected.Length];
        Array.Fill(Magnitude, largest);
    }
}
