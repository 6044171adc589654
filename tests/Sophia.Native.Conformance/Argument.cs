using Sophia.Native.Reference;

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
    /// <summary>Half the smallest BFloat16: what rounding leaves of the smallest numbers.</summary>
    private const double SmallestBrainFloat = 4.6e-41;

    private ElementType _storage;

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
    public ElementType Type { get; private set; }

    /// <summary>Whether the contract names it after "Storage": it has the type in which the case stores activations and parameters.</summary>
    public bool IsStored { get; private set; }

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

    /// <summary>Whether the contract allows another storage type beside the same others.</summary>
    public bool HasFreeType { get; private set; }

    /// <summary>Rounding of a result to BFloat16, as a share of its size: 0 where nothing is rounded, to nearest or stochastically.</summary>
    public double ResultRounding { get; private set; }

    /// <summary>
    /// How large the terms are that a backend may round to BFloat16 before a product on tensor cores, where the contract says so; in units of <see cref="BFloat16.UnitRoundoff"/>. Set by the case's reference.
    /// </summary>
    public double[]? RoundedTerms { get; private set; }

    /// <summary>
    /// Sums of the absolute values that were added up for an element, where rounding errors grow with them rather than with the result; set by the case's reference.
    /// </summary>
    public double[]? Magnitude { get; set; }

    /// <summary>Whether the case stores activations and parameters as BFloat16.</summary>
    private bool IsLowPrecision => _storage == ElementType.BFloat16;

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
        ResultRounding = Type == ElementType.BFloat16 ? BFloat16.UnitRoundoff : 0.0;
        return this;
    }

    /// <summary>Results are rounded stochastically: either neighbor is right, one unit in the last place apart.</summary>
    public Argument RoundedStochastically()
    {
        ResultRounding = Type == ElementType.BFloat16 ? 2.0 * BFloat16.UnitRoundoff : 0.0;
        return this;
    }

    /// <summary>The error that is allowed of an element after so many calls.</summary>
    public double Tolerance(int index, int calls)
    {
        var expected = Math.Abs(Expected[index]);
        var size = Magnitude is null ? expected : Math.Max(expected, Magnitude[index]);
        var error = calls * (Absolute + Relative * size);
        if (RoundedTerms is not null)
            error += calls * BFloat16.UnitRoundoff * RoundedTerms[index];
        if (ResultRounding == 0.0)
            return error;
        // What the first of two calls left was rounded too; it lies between what was there before and the result.
        var rounded = calls == 1 || Role == ArgumentRole.Output ? expected : expected + Math.Max(size, Math.Abs(Values[index]));
        return error + ResultRounding * (rounded + error) + SmallestBrainFloat;
    }

    /// <summary>It has the case's storage type; its values are rounded to that type before anything reads them. To be stated before the tolerance.</summary>
    public Argument Stored()
    {
        IsStored = true;
        return In(_storage);
    }

    /// <summary>It has this type, but the contract allows another beside the same others.</summary>
    public Argument StoredFreely(ElementType type)
    {
        HasFreeType = true;
        return In(type);
    }
    private Argument In(ElementType type)
    {
        Type = type;
        Round(Values);
        if (!ReferenceEquals(Values, Expected))
            Round(Expected);
        return this;
    }

    /// <summary>Rounds what is expected of an argument that is only copied into its type.</summary>
    public void RoundExpected() => Round(Expected);

    private void Round(double[] values)
    {
        if (Type != ElementType.BFloat16)
            return;
        for (var i = 0; i < values.Length; i++)
            values[i] = (BFloat16)(float)values[i];
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

    internal void BelongsTo(CaseInstance instance) => _storage = instance.Storage;

    /// <summary>
    /// The sum of terms that are each rounded: off by at most the sum of their sizes, and hardly ever by more than 3.5 roots of the sum of their squares, which is eight standard deviations
    /// (a rounding error has 0.4 of the largest).
    /// </summary>
    /// <param name="sums">Adds up sizes or squares for every element.</param>
    internal void TermsAreRounded(Action<double[], ReferenceTerms> sums)
    {
        if (!IsLowPrecision)
            return;
        var (sizes, squares) = (new double[Expected.Length], new double[Expected.Length]);
        sums(sizes, ReferenceTerms.Sizes);
        sums(squares, ReferenceTerms.Squares);
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = Math.Min(sizes[i], 3.5 * Math.Sqrt(squares[i]));
        RoundedTerms = sizes;
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
