using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sophia.Native.Tests.Quickstart;

/// <summary>
/// The Qwen2 encoding in its simplest form, from the three files alone: added tokens, the published pattern, lowest-rank merges.
/// For text inside the basic plane; the judge of the tokenizer files that the quickstart writes.
/// </summary>
internal sealed class FileTokenizer
{
    private static readonly Regex Pattern = new(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|[ ]?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant);

    private readonly Dictionary<(string, string), int> _ranks = [];
    private readonly Regex _added;

    public FileTokenizer(string folder)
    {
        Vocabulary = Read(folder, "vocab.json");
        Added = Read(folder, "added_tokens.json");
        _added = new Regex("(" + string.Join("|", Added.Keys.OrderByDescending(token => token.Length).Select(Regex.Escape)) + ")");
        string[] lines = File.ReadAllLines(Path.Combine(folder, "merges.txt"));
        foreach (string line in lines.Skip(1))
        {
            string[] pair = line.Split(' ');
            _ranks.Add((pair[0], pair[1]), _ranks.Count);
        }

        Header = lines[0];
    }

    public string Header { get; }

    public Dictionary<string, int> Vocabulary { get; }

    public Dictionary<string, int> Added { get; }

    public IEnumerable<(string, string)> Merges => _ranks.OrderBy(pair => pair.Value).Select(pair => pair.Key);

    public List<int> Encode(string text)
    {
        var ids = new List<int>();
        foreach (string part in _added.Split(text))
        {
            if (Added.TryGetValue(part, out int id)) ids.Add(id);
            else ids.AddRange(Pattern.Matches(part).SelectMany(match => EncodePiece(match.Value)));
        }

        return ids;
    }

    private List<int> EncodePiece(string piece)
    {
        List<string> symbols = [.. Encoding.UTF8.GetBytes(piece).Select(value => Symbol(value).ToString())];
        while (true)
        {
            (int rank, int at) = Enumerable.Range(0, symbols.Count - 1)
                .Select(i => (_ranks.GetValueOrDefault((symbols[i], symbols[i + 1]), int.MaxValue), i)).DefaultIfEmpty((int.MaxValue, 0)).Min();
            if (rank == int.MaxValue) return [.. symbols.Select(symbol => Vocabulary[symbol])];
            symbols[at] += symbols[at + 1];
            symbols.RemoveAt(at + 1);
        }
    }

    private static char Symbol(byte value)
    {
        int next = 256;
        for (int i = 0; i <= value; i++)
        {
            bool printable = i is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
            if (i == value) return printable ? (char)i : (char)next;
            if (!printable) next++;
        }

        throw new InvalidOperationException();
    }

    private static Dictionary<string, int> Read(string folder, string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, name)));
        return document.RootElement.EnumerateObject().ToDictionary(property => property.Name, property => property.Value.GetInt32());
    }
}
