using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>
/// The parameters of a model in one device arena, and the gradients of those that are trained in another. Frozen groups have no gradients and no memory for them:
/// trained groups follow each other in the gradient arena in the order of the layout.
/// </summary>
public sealed class ParameterSet : IParameterSink, IParameterSource, IDisposable
{
    private static readonly ParameterGroup[] Groups = Enum.GetValues<ParameterGroup>();

    private readonly DeviceBuffer _values;
    private readonly DeviceBuffer? _gradients;
    private readonly long[] _gradientShift = new long[Groups.Length];
    private readonly bool[] _trained = new bool[Groups.Length];

    /// <summary>Allocates the arenas, filled with zeros.</summary>
    /// <param name="backend">Where they lie.</param>
    /// <param name="layout">The parameters.</param>
    /// <param name="trained">The groups to be trained; none for inference.</param>
    public ParameterSet(Backend backend, ParameterLayout layout, params ReadOnlySpan<ParameterGroup> trained)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(layout);
        Backend = backend;
        Layout = layout;
        foreach (var group in trained)
            _trained[(int)group] = true;
        var segments = new List<ParameterSegment>();
        foreach (var group in Groups)
        {
            if (!_trained[(int)group])
                continue;
            var (offset, length) = layout.RangeOf(group);
            _gradientShift[(int)group] = TrainedCount - offset;
            TrainedCount += length;
        }
        foreach (var segment in layout.Segments)
        {
            if (_trained[(int)segment.Group] && segment.Length > 0)
                segments.Add(segment);
        }
        TrainedSegments = segments.AsReadOnly();
        _values = backend.Allocate(layout.ElementCount * sizeof(float));
        _gradients = TrainedCount > 0 ? backend.Allocate(TrainedCount * sizeof(float)) : null;
    }

    /// <summary>Where the parameters lie.</summary>
    public Backend Backend { get; }

    /// <summary>Their names, shapes and places.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>All parameters as one vector, with padding.</summary>
    public DeviceView Values => _values.AsView();

    /// <summary>All gradients as one vector, with padding; absent when nothing is trained.</summary>
    public DeviceView Gradients => _gradients?.AsView() ?? default;

    /// <summary>Elements of the gradient arena.</summary>
    public long TrainedCount { get; }

    /// <summary>The trained ranges of the parameter arena.</summary>
    public IReadOnlyList<ParameterSegment> TrainedSegments { get; }

    /// <summary>Whether a group is trained.</summary>
    /// <param name="group">The group.</param>
    public bool IsTrained(ParameterGroup group) => _trained[(int)group];

    /// <summary>The range of the gradient arena that belongs to a trained segment of the parameter arena.</summary>
    /// <param name="segment">One of <see cref="TrainedSegments"/>.</param>
    public long GradientOffset(ParameterSegment segment) => segment.Offset + _gradientShift[(int)segment.Group];

    /// <summary>A parameter with its gradient.</summary>
    /// <param name="name">Canonical name.</param>
    /// <exception cref="KeyNotFoundException">The model has no such parameter.</exception>
    public Weight this[string name] => Resolve(Layout[name]);

    /// <summary>A parameter with its gradient, or absent views where the model has none of that name.</summary>
    /// <param name="name">Canonical name.</param>
    public Weight Optional(string name) => Layout.TryFind(name, out var parameter) ? Resolve(parameter) : default;

    /// <summary>Sets all gradients to zero.</summary>
    public void ClearGradients()
    {
        if (_gradients is not null)
            Backend.Fill(Gradients, 0f);
    }

    /// <inheritdoc/>
    public void Write(Parameter parameter, long firstRow, ReadOnlySpan<float> rows) =>
        Backend.Upload(Resolve(parameter).Value.RowRange(firstRow, rows.Length / parameter.Columns), rows);

    /// <inheritdoc/>
    public void Read(Parameter parameter, long firstRow, Span<float> rows) =>
        Backend.Download(rows, Resolve(parameter).Value.RowRange(firstRow, rows.Length / parameter.Columns));

    /// <summary>Frees both arenas.</summary>
    public void Dispose()
    {
        _values.Dispose();
        _gradients?.Dispose();
    }

    private Weight Resolve(Parameter parameter)
    {
        var value = View(_values, parameter, parameter.Offset);
        var group = (int)parameter.Group;
        return new(value, _trained[group] ? View(_gradients!, parameter, parameter.Offset + _gradientShift[group]) : default);
    }

    private static DeviceView View(DeviceBuffer buffer, Parameter parameter, long offset) =>
        new(buffer, offset * sizeof(float), parameter.Rows, parameter.Columns, parameter.Columns, ElementType.Float32);
}
