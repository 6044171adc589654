using System.Globalization;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>A share of the questions: those whose index leaves Number - 1 when divided by Count.</summary>
public readonly record struct Shard
{
    /// <summary>One share of several.</summary>
    /// <param name="number">From 1.</param>
    /// <param name="count">How many shares there are.</param>
    public Shard(int number, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, count);
        Number = number;
        Count = count;
    }

    /// <summary>All questions.</summary>
    public static Shard Whole => new(1, 1);

    /// <summary>From 1.</summary>
    public int Number { get; }

    /// <summary>How many shares there are.</summary>
    public int Count { get; }

    /// <summary>Reads <c>i/n</c> with i from 1.</summary>
    /// <exception cref="ArgumentException">It is something else.</exception>
    public static Shard Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int slash = text.IndexOf('/');
        if (slash > 0
            && int.TryParse(text.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && number >= 1 && number <= count)
            return new Shard(number, count);
        throw new ArgumentException($"Expected a shard i/n with i from 1 to n, such as 2/4, found '{text}'.", nameof(text));
    }

    /// <summary>Whether a question belongs to the share.</summary>
    public bool Contains(int question) => question % Count == Number - 1;
}
