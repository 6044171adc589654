using System.Buffers;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost first, and of those that begin at the same place the longest.</summary>
internal sealed class AddedTokenSplitter
{
    private readonly Dictionary<(int Node, char Next), int> _edges = [];
    private readonly List<int> _idAtNode = [-1];
    private readonly SearchValues<char> _firstCharacters;

    public AddedTokenSplitter(IEnumerable<AddedToken> tokens)
    {
        HashSet<char> first = [];
        foreach (AddedToken token in tokens)
        {
            first.Add(token.Text[0]);
            int node = 0;
            foreach (char next in token.Text)
            {
                if (!_edges.TryGetValue((node, next), out int child))
                {
                    child = _idAtNode.Count;
                    _idAtNode.Add(-1);
                    _edges.Add((node, next), child);
                }

                node = child;
            }

            _idAtNode[node] = token.Id;
        }

        _firstCharacters = SearchValues.Create([.. first]);
    }

    /// <summary>The first added token of a text.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryFind(ReadOnlySpan<char> text, out int start, out int length, out int id)
    {
        for (start = 0; start < text.Length; start++)
        {
            int offset = text[start..].IndexOfAny(_firstCharacters);
            if (offset < 0) break;
            start += offset;
            if (TryMatch(text[start..], out length, out id)) return true;
        }

        length = 0;
        id = -1;
        return false;
    }

    private bool TryMatch(ReadOnlySpan<char> text, out int length, out int id)
    {
        length = 0;
        id = -1;
        int node = 0;
        for (int i = 0; i < text.Length && _edges.TryGetValue((node, text[i]), out node); i++)
        {
            if (_idAtNode[node] < 0) continue;
            id = _idAtNode[node];
            length = i + 1;
        }

        return id >= 0;
    }
}
