using System.Text;

namespace Sophia.Native.Models.Files;

/// <summary>Finds the tensors of a layout in a folder's files and lists everything that does not agree, before any data is read.</summary>
internal sealed class CheckpointMatch
{
    private const int MaxReported = 10;
    private readonly Dictionary<FileTensor, SafetensorsTensor> _found = [];
    private readonly List<string> _problems = [];
    private readonly string _folder;

    private CheckpointMatch(SafetensorsFolder files, CheckpointMap map)
    {
        _folder = files.Path;
        Map = map;
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var expected in map.Tensors) Match(files, expected, known);
        var unknown = new List<string>();
        foreach (var name in files.Tensors.Keys)
        {
            if (!known.Contains(name)) unknown.Add(name);
        }
        unknown.Sort(StringComparer.Ordinal);
        foreach (var name in unknown) _problems.Add($"unknown tensor {SafetensorsHeader.Quote(name)}");
    }

    public CheckpointMap Map { get; }

    public SafetensorsTensor this[FileTensor tensor] => _found[tensor];

    /// <summary>Decides for the layout that more names agree with.</summary>
    public static CheckpointMatch Find(SafetensorsFolder files, ParameterLayout layout)
    {
        var original = new CheckpointMatch(files, new CheckpointMap(layout, CheckpointLayout.Original));
        var native = new CheckpointMatch(files, new CheckpointMap(layout, CheckpointLayout.HuggingFace));
        return native._found.Count > original._found.Count ? native : original;
    }

    /// <summary>Throws unless every tensor is there, of a float type and of the right shape, and no other.</summary>
    public void ThrowOnProblems()
    {
        if (_problems.Count == 0) return;
        var message = new StringBuilder();
        message.Append($"{_folder}: expected the {Map.Tensors.Count} tensors of the {Map.CheckpointLayout} layout that the configuration describes, found {_problems.Count} {(_problems.Count == 1 ? "difference" : "differences")}: ");
        message.AppendJoin("; ", _problems.GetRange(0, Math.Min(MaxReported, _problems.Count)));
        if (_problems.Count > MaxReported) message.Append($"; and {_problems.Count - MaxReported} more");
        throw new InvalidDataException(message.Append('.').ToString());
    }

    private void Match(SafetensorsFolder files, FileTensor expected, HashSet<string> known)
    {
        SafetensorsTensor? found = null;
        IEnumerable<string> spellings = Map.CheckpointLayout == CheckpointLayout.HuggingFace ? HuggingFaceTensors.SpellingsOf(expected.Name) : [expected.Name];
        foreach (var spelling in spellings)
        {
            if (!files.TryFind(spelling, out var tensor)) continue;
            known.Add(spelling);
            if (found is null) found = tensor;
            else _problems.Add($"the same tensor twice, as \"{found.Name}\" and \"{tensor.Name}\"");
        }
        if (found is null)
        {
            _problems.Add($"missing tensor \"{expected.Name}\"");
            return;
        }
        _found.Add(expected, found);
        if (!expected.Shape.SequenceEqual(found.Shape))
            _problems.Add($"tensor \"{found.Name}\" has shape {SafetensorsHeader.Describe(found.Shape)}, expected {SafetensorsHeader.Describe(expected.Shape)}");
        else if (!found.Type.IsFloat())
            _problems.Add($"tensor \"{found.Name}\" holds {found.Type.Name()}, expected F16, BF16, F32 or F64");
    }
}
