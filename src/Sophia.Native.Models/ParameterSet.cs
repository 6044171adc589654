using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>
/// The parameters of a model in one device arena, and the gradients of those that are trained in another, Float32. Frozen groups have no gradients and no memory for them:
/// trained groups follow each other in the gradient arena in the order of the layout.
/// Stored as BFloat16, the parameters that are trained have Float32 masters in a third arena, in the order of the gradients: what the model reads are their working copies, rounded to nearest. Parameters
/// are written to both and read from the master; those of frozen groups, and all of them in inference, exist in BFloat16 alone.
/// </summary>
public sealed class ParameterSet : IParameterSink, IParameterSource, IDisposable
{
    private static readonly ParameterGroup[] Groups = Enum.GetValues<ParameterGroup>();

    private readonly DeviceBuffer _values;
    private readonly DeviceBuffer? _gradients;
    private readonly DeviceBuffer? _masters;
    private readonly long[] _gradientShift = new long[Groups.Length];
    private readonly bool[] _trained = new bool[Groups.Length];

    /// <summary>Allocates the arenas in Float32, filled with zeros.</summary>
    /// <param name="backend">Where they lie.</param>
    /// <param name="layout">The parameters.</param>
    /// <param name="trained">The groups to be trained; none for inference.</param>
    public ParameterSet(Backend backend, ParameterLayout layout, params ReadOnlySpan<ParameterGroup> trained) : this(backend, layout, ElementType.Float32, trained)
    {
    }

    /// <summary>Allocates the arenas, filled with zeros.</summary>
    /// <param name="backend">Where they lie.</param>
    /// <param name="layout">The parameters.</param>
    /// <param name="storage">The type in which the model reads parameters and keeps activations.</param>
    /// <param name="trained">The groups to be trained; none for inference.</param>
    /// <exception cref="NotSupportedException">The backend does not store that type.</exception>
    public ParameterSet(Backend backend, ParameterLayout layout, ElementType storage, params ReadOnlySpan<ParameterGroup> trained)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(layout);
        if (!backend.Supports(storage))
            throw new NotSupportedException($"The backend '{backend.Name}' ({backend.Description}) does not store parameters as {storage}: store them as Float32, or open a backend that supports {storage}.");
        Backend = backend;
        Layout = layout;
        Storage = storage;
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
        _values = backend.Allocate(layout.ElementCount * storage.Size());
        _gradients = TrainedCount > 0 ? backend.Allocate(TrainedCount * sizeof(float)) : null;
        _masters = TrainedCount > 0 && storage != ElementType.Float32 ? backend.Allocate(TrainedCount * sizeof(float)) : null;
    }

    /// <summary>Where the parameters lie.</summary>
    public Backend Backend { get; }

    /// <summary>Their names, shapes and places.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The type in which the model reads parameters and keeps activations.</summary>
    public ElementType Storage { get; }

    /// <summary>All parameters as the model reads them, as one vector of the storage type, with padding.</summary>
    public DeviceView Values => _values.AsView(Storage);

    /// <summary>The Float32 masters of the trained parameters as one vector in the order of the gradient arena; absent where the parameters are Float32 themselves, or nothing is trained.</summary>
    public DeviceView Masters => _masters?.AsView() ?? default;

    /// <summary>Bytes of parameters, masters and gradients.</summary>
    public long Bytes => _values.Bytes + (_gradients?.Bytes ?? 0) + (_masters?.Bytes ?? 0);

    /// <summary>All gradients as one vector, with padding; absent when nothing is trained.</summary>
    public DeviceView Gradients => _gradients?.AsView() ?? default;

    /// <summary>Elements of the gradient arena.</summary>
    public long TrainedCount { get; }

    /// <summary>The trained ranges of the parameter arena.</summary>
    public IReadOnlyList<ParameterSegment> TrainedSegments { get; }

    /// <summary>Whether a group is trained.</summary>
    /// <param name="group">The group.</param>
    public bool IsTrained(ParameterGroup group) => _trained[(int)group];

    /// <summary>Whether anything in a part of the model is trained, so that the backward pass has to reach it: its own parameters, or an adapter of one of its linear layers.</summary>
    /// <param name="group">The part of the model.</param>
    public bool ReceivesGradients(ParameterGroup group)
    {
        if (IsTrained(group))
            return true;
        if (!IsTrained(ParameterGroup.Adapter))
            return false;
        // By index: an enumerator of the list would be an object per step.
        for (var i = 0; i < Layout.AdaptedModules.Count; i++)
        {
            if (Layout.AdaptedModules[i].Group == group)
                return true;
        }
        return false;
    }

    /// <summary>The range of the gradient arena that belongs to a trained segment of the parameter arena.</summary>
    /// <param name="segment">One of <see cref="TrainedSegments"/>.</param>
    public long GradientOffset(ParameterSegment segment) => segment.Offset + _gradientShift[(int)segment.Group];

    /// <summary>What an optimizer updates: the Float32 parameters of a trained segment, and their BFloat16 working copy, absent where the model reads the parameters themselves.</summary>
    /// <param name="segment">One of <see cref="TrainedSegments"/>.</param>
    public (DeviceView Parameters, DeviceView WorkingCopy) Trained(ParameterSegment segment)
    {
        var read = Values.ColumnRange(segment.Offset, segment.Length);
        return _masters is null ? (read, default) : (Masters.ColumnRange(GradientOffset(segment), segment.Length), read);
    }

    /// <summary>Takes over all parameters of another set of the same model; where that has no master for what is trained here, its stored values become the masters.</summary>
    /// <param name="other">A set of the same layout and storage type on the same backend.</param>
    /// <exception cref="ArgumentException">Its parameters are others, or stored in another type.</exception>
    public void CopyFrom(ParameterSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Layout.ElementCount != Layout.ElementCount || other.Storage != Storage)
            throw new ArgumentException($"Expected {Layout.ElementCount} elements of {Storage}, found {other.Layout.ElementCount} of {other.Storage}.", nameof(other));
        Backend.Copy(Values, other.Values);
        if (_masters is null)
            return;
        foreach (var segment in TrainedSegments)
        {
            var (parameters, workingCopy) = Trained(segment);
            Backend.Copy(parameters, other._trained[(int)segment.Group] ? other.Trained(segment).Parameters : workingCopy);
        }
    }

    /// <summary>Rounds the masters to the working copies that the model reads: for whoever wrote the masters.</summary>
    public void RoundMasters()
    {
        if (_masters is null)
            return;
        foreach (var segment in TrainedSegments)
        {
            var (parameters, workingCopy) = Trained(segment);
            Backend.Copy(workingCopy, parameters);
        }
    }

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
    public void Write(Parameter parameter, long firstRow, ReadOnlySpan<float> rows)
    {
        var count = rows.Length / parameter.Columns;
        Backend.UploadFloats(Resolve(parameter).Value.RowRange(firstRow, count), rows);
        if (HasMaster(parameter))
            Backend.Upload(Master(parameter).RowRange(firstRow, count), rows);
    }

    /// <inheritdoc/>
    public void Read(Parameter parameter, long firstRow, Span<float> rows)
    {
        var values = HasMaster(parameter) ? Master(parameter) : Resolve(parameter).Value;
        Backend.DownloadFloats(rows, values.RowRange(firstRow, rows.Length / parameter.Columns));
    }

    /// <summary>Frees the arenas.</summary>
    public void Dispose()
    {
        _values.Dispose();
        _gradients?.Dispose();
        _masters?.Dispose();
    }

    private bool HasMaster(Parameter parameter) => _masters is not null && _trained[(int)parameter.Group];

    private DeviceView Master(Parameter parameter) => View(_masters!, parameter, parameter.Offset + _gradientShift[(int)parameter.Group], ElementType.Float32);

    private Weight Resolve(Parameter parameter)
    {
        var value = View(_values, parameter, parameter.Offset, Storage);
        var group = (int)parameter.Group;
        return new(value, _trained[group] ? View(_gradients!, parameter, parameter.Offset + _gradientShift[group], ElementType.Float32) : default);
    }

    private static DeviceView View(DeviceBuffer buffer, Parameter parameter, long offset, ElementType type) =>
        new(buffer, offset * type.Size(), parameter.Rows, parameter.Columns, parameter.Columns, type);
}
