namespace Sophia.Native.Conformance;

/// <summary>Gives the view of an argument; the absent view for one that is not there.</summary>
public delegate DeviceView ViewOf(Argument? argument);

/// <summary>A case with its inputs: the arguments, how the operation is called on them, and what the reference makes of them.</summary>
/// <param name="storage">The type in which the case stores activations and parameters.</param>
public sealed class CaseInstance(ElementType storage = ElementType.Float32)
{
    private readonly List<Argument> _arguments = [];
    private readonly List<(Argument Output, Argument Input)> _aliases = [];

    /// <summary>The type in which the case stores activations and parameters.</summary>
    public ElementType Storage { get; } = storage;

    /// <summary>All arguments that are present.</summary>
    public IReadOnlyList<Argument> Arguments => _arguments;

    /// <summary>Outputs that may lie where an input lies.</summary>
    public IReadOnlyList<(Argument Output, Argument Input)> Aliases => _aliases;

    /// <summary>Calls the operation once.</summary>
    public Action<Backend, ViewOf> Invoke { get; set; } = (_, _) => throw new InvalidOperationException("The case does not say how it is called.");

    /// <summary>Does to the expected values what one call does to the device's.</summary>
    public Action Reference { get; set; } = () => throw new InvalidOperationException("The case has no reference.");

    /// <summary>Whether calling twice means something: false where the second call would read what the first left in a way the reference cannot follow exactly.</summary>
    public bool CanRepeat { get; set; } = true;

    /// <summary>How many independent items the batch has; 0 when the operation does not split.</summary>
    public int Items
    {
        get
        {
            foreach (var argument in _arguments)
            {
                if (argument.ItemSize > 0)
                    return (int)((argument.IsVector ? argument.Columns : argument.Rows) / argument.ItemSize);
            }
            return 0;
        }
    }

    /// <summary>Adds a matrix that is read.</summary>
    public Argument Input(string name, long rows, long columns, double[] values) => Add(new(name, ArgumentRole.Input, ElementType.Float32, rows, columns, false, values));

    /// <summary>Adds a vector that is read.</summary>
    public Argument InputVector(string name, double[] values) => Add(new(name, ArgumentRole.Input, ElementType.Float32, 1, values.Length, true, values));

    /// <summary>Adds a vector of whole numbers that is read.</summary>
    public Argument Indices(string name, int[] values) =>
        Add(new(name, ArgumentRole.Input, ElementType.Int32, 1, values.Length, true, Array.ConvertAll(values, value => (double)value)));

    /// <summary>Adds a matrix that is overwritten.</summary>
    public Argument Output(string name, long rows, long columns) => Add(new(name, ArgumentRole.Output, ElementType.Float32, rows, columns, false, null));

    /// <summary>Adds a vector that is overwritten.</summary>
    public Argument OutputVector(string name, long count, ElementType type = ElementType.Float32) => Add(new(name, ArgumentRole.Output, type, 1, count, true, null));

    /// <summary>Adds a matrix that is added to.</summary>
    public Argument Accumulated(string name, long rows, long columns, double[] values) => Add(new(name, ArgumentRole.Accumulated, ElementType.Float32, rows, columns, false, values));

    /// <summary>Adds a vector that is added to.</summary>
    public Argument AccumulatedVector(string name, double[] values) => Add(new(name, ArgumentRole.Accumulated, ElementType.Float32, 1, values.Length, true, values));

    /// <summary>Adds a matrix that is read and written.</summary>
    public Argument Updated(string name, long rows, long columns, double[] values) => Add(new(name, ArgumentRole.Updated, ElementType.Float32, rows, columns, false, values));

    /// <summary>Adds a vector that is read and written.</summary>
    public Argument UpdatedVector(string name, double[] values, ElementType type = ElementType.Float32) => Add(new(name, ArgumentRole.Updated, type, 1, values.Length, true, values));

    /// <summary>Adds a matrix without a promised content.</summary>
    public Argument Workspace(string name, long rows, long columns) => Add(new(name, ArgumentRole.Workspace, ElementType.Float32, rows, columns, false, null));

    /// <summary>Adds any argument.</summary>
    public Argument Add(Argument argument)
    {
        argument.BelongsTo(this);
        _arguments.Add(argument);
        return argument;
    }

    /// <summary>The contract lets the output lie where the input lies.</summary>
    public void MayAlias(Argument output, Argument input) => _aliases.Add((output, input));
}
