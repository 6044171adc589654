namespace Sophia.Native.Models.Files;

/// <summary>
/// How a model lies in the files of one layout: which tensors there are, and which stretch of which canonical parameter each holds.
/// Every element of every parameter lies in exactly one place, but for those of an adapter, which has files of its own.
/// </summary>
public sealed class CheckpointMap
{
    private readonly Dictionary<string, ParameterPart[]> _byParameter = new(StringComparer.Ordinal);

    /// <summary>Makes the map.</summary>
    /// <param name="layout">The parameters.</param>
    /// <param name="checkpointLayout">The layout of the files.</param>
    public CheckpointMap(ParameterLayout layout, CheckpointLayout checkpointLayout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        Layout = layout;
        CheckpointLayout = checkpointLayout;
        var tensors = new List<FileTensor>();
        var table = new FileTensorTable(layout, tensors);
        switch (checkpointLayout)
        {
            case CheckpointLayout.Original:
                OriginalTensors.Declare(table);
                break;
            case CheckpointLayout.HuggingFace:
                HuggingFaceTensors.Declare(table);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(checkpointLayout), checkpointLayout, "Not a layout.");
        }
        Tensors = tensors.AsReadOnly();
        IndexByParameter();
    }

    /// <summary>The parameters.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The layout of the files.</summary>
    public CheckpointLayout CheckpointLayout { get; }

    /// <summary>All tensors of the files in the order of the forward pass.</summary>
    public IReadOnlyList<FileTensor> Tensors { get; }

    /// <summary>Where a parameter lies, from its first element to its last.</summary>
    /// <param name="parameter">A parameter of the layout.</param>
    /// <exception cref="KeyNotFoundException">The layout has no such parameter.</exception>
    public IReadOnlyList<ParameterPart> this[Parameter parameter] => _byParameter[parameter.Name];

    private void IndexByParameter()
    {
        var lists = new Dictionary<string, List<ParameterPart>>(StringComparer.Ordinal);
        foreach (var parameter in Layout.Parameters) lists.Add(parameter.Name, []);
        foreach (var tensor in Tensors)
        {
            long element = 0;
            foreach (var part in tensor.Parts)
            {
                lists[part.Parameter.Name].Add(new ParameterPart(tensor, element, part.FirstElement, part.ElementCount));
                element += part.ElementCount;
            }
        }
        foreach (var parameter in Layout.Parameters)
        {
            var parts = lists[parameter.Name];
            parts.Sort(static (a, b) => a.FirstElement.CompareTo(b.FirstElement));
            _byParameter.Add(parameter.Name, [.. parts]);
        }
    }
}
