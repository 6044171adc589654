namespace Sophia.Native;

/// <summary>
/// One block of device memory that is cut into views once, before the first step. The code that cuts it runs twice: first on a measuring arena, which only
/// counts, then on a real one of exactly the counted size. Slices that live at different times may share memory through <see cref="Mark"/> and <see cref="Release"/>.
/// </summary>
public sealed class Arena : IDisposable
{
    /// <summary>Every slice starts at a multiple of this many bytes.</summary>
    public const int Alignment = 64;

    private readonly DeviceBuffer? _buffer;
    private readonly List<(string Name, long Bytes)> _entries = [];
    private long _used;

    private Arena(string name, DeviceBuffer? buffer)
    {
        Name = name;
        _buffer = buffer;
    }

    /// <summary>What the arena is for, as the printed plan says it.</summary>
    public string Name { get; }

    /// <summary>The most bytes that were in use at once.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>The named slices in the order in which they were taken.</summary>
    public IReadOnlyList<(string Name, long Bytes)> Entries => _entries;

    /// <summary>An arena without memory: its views can be shaped but not used.</summary>
    /// <param name="name">What the arena is for.</param>
    public static Arena Measure(string name) => new(name, null);

    /// <summary>An arena of a measured size, filled with zeros.</summary>
    /// <param name="backend">Where its memory lies.</param>
    /// <param name="name">What the arena is for.</param>
    /// <param name="bytes">Its size.</param>
    public static Arena Allocate(Backend backend, string name, long bytes) => new(name, backend.Allocate(Math.Max(bytes, Alignment)));

    /// <summary>Measures with <paramref name="cut"/>, allocates, and cuts again: returns the arena and what the second cut returned.</summary>
    /// <typeparam name="T">The object that holds the views.</typeparam>
    /// <param name="backend">Where the memory lies.</param>
    /// <param name="name">What the arena is for.</param>
    /// <param name="cut">Takes every slice; must do the same each time.</param>
    public static (Arena Arena, T Slices) Build<T>(Backend backend, string name, Func<Arena, T> cut)
    {
        var measure = Measure(name);
        cut(measure);
        try
        {
            var arena = Allocate(backend, name, measure.PeakBytes);
            return (arena, cut(arena));
        }
        catch (DeviceMemoryException refusal)
        {
            throw new DeviceMemoryException($"{refusal.Message} Arena '{name}' was planned as: {measure.LargestEntries()}.", refusal.RequestedBytes, refusal.FreeBytes, refusal);
        }
    }

    /// <summary>Takes a slice of rows x columns elements.</summary>
    /// <param name="name">What it holds.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="type">Element type.</param>
    /// <exception cref="InvalidOperationException">The arena is smaller than what is asked of it.</exception>
    public DeviceView Take(string name, long rows, long columns, ElementType type = ElementType.Float32)
    {
        var bytes = checked(rows * columns * type.Size());
        var padded = (bytes + Alignment - 1) / Alignment * Alignment;
        if (_buffer is not null && _used + bytes > _buffer.Bytes)
            throw new InvalidOperationException($"Arena '{Name}' has {_buffer.Bytes} bytes, '{name}' would end at {_used + bytes}: it was measured with other sizes.");
        var view = new DeviceView(_buffer, _used, rows, columns, columns, type);
        _entries.Add((name, bytes));
        _used += padded;
        PeakBytes = Math.Max(PeakBytes, _used);
        return view;
    }

    /// <summary>The present fill, to which <see cref="Release"/> returns.</summary>
    public long Mark() => _used;

    /// <summary>Gives back all that was taken since the mark.</summary>
    /// <param name="mark">A value of <see cref="Mark"/>.</param>
    public void Release(long mark) => _used = mark;

    /// <summary>The entries that take most of the memory, for a message.</summary>
    private string LargestEntries()
    {
        const int shown = 6;
        var byName = new Dictionary<string, long>();
        foreach (var (name, bytes) in _entries)
            byName[name] = byName.GetValueOrDefault(name) + bytes;
        var sorted = new List<KeyValuePair<string, long>>(byName);
        sorted.Sort((left, right) => right.Value.CompareTo(left.Value));
        var text = string.Join(", ", sorted.GetRange(0, Math.Min(shown, sorted.Count)).ConvertAll(entry => $"{entry.Key} {entry.Value:N0} bytes"));
        return sorted.Count > shown ? $"{text} and {sorted.Count - shown} more" : text;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _buffer?.Dispose();
}
