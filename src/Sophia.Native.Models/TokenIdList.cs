using System.Collections;

namespace Sophia.Native.Models;

/// <summary>An immutable list of token ids, compared by content so that configurations that hold one compare by content too.</summary>
public sealed class TokenIdList : IReadOnlyList<int>, IEquatable<TokenIdList>
{
    /// <summary>The list without ids.</summary>
    public static readonly TokenIdList Empty = new([]);

    private readonly int[] _ids;

    /// <summary>Copies the ids; repeated ones are kept once, at their first place.</summary>
    /// <param name="ids">Token ids.</param>
    public TokenIdList(ReadOnlySpan<int> ids)
    {
        var unique = new List<int>(ids.Length);
        foreach (var id in ids)
        {
            if (!unique.Contains(id)) unique.Add(id);
        }
        _ids = [.. unique];
    }

    /// <inheritdoc/>
    public int Count => _ids.Length;

    /// <inheritdoc/>
    public int this[int index] => _ids[index];

    /// <summary>The ids as a span.</summary>
    /// <returns>A view of the ids.</returns>
    public ReadOnlySpan<int> AsSpan() => _ids;

    /// <inheritdoc/>
    public bool Equals(TokenIdList? other) => other is not null && _ids.AsSpan().SequenceEqual(other._ids);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TokenIdList);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var id in _ids) hash.Add(id);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => $"[{string.Join(", ", _ids)}]";

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)_ids).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _ids.GetEnumerator();
}
