using System.Diagnostics.CodeAnalysis;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The one kind of question: the price of all objects, or of all small or all big ones. A circle costs one, a square two, a triangle three,
/// so every answer hangs on the shapes, the attribute that is hardest to see.
/// </summary>
/// <param name="Only">Count objects of this size alone; null counts everything.</param>
internal readonly record struct PriceQuestion(ObjectSize? Only)
{
    /// <summary>The question in words: <c>price of all the objects?</c>, <c>price of all small objects?</c>, <c>price of all big objects?</c></summary>
    public string Text => $"price of all {(Only is { } size ? WorldLanguage.Word(size) : "the")} objects?";

    /// <summary>Whether the question asks about an object.</summary>
    public bool Counts(SceneObject one) => Only is null || one.Size == Only;

    /// <summary>The sum of the prices of the objects asked about.</summary>
    public int Answer(ReadOnlySpan<SceneObject> objects)
    {
        int sum = 0;
        foreach (SceneObject one in objects) sum += Counts(one) ? one.Price : 0;
        return sum;
    }

    /// <summary>The gold answer in words, as a verifier compares it: <c>five</c>.</summary>
    public string AnswerText(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return WorldLanguage.Number(Answer(scene.Objects));
    }

    /// <summary>Reads a question from its text; white space around it does not matter.</summary>
    /// <returns>False where the text is no question of this world.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out PriceQuestion question)
    {
        foreach (ObjectSize? only in (ReadOnlySpan<ObjectSize?>)[null, ObjectSize.Small, ObjectSize.Big])
        {
            question = new PriceQuestion(only);
            if (text is not null && text.AsSpan().Trim().SequenceEqual(question.Text)) return true;
        }

        question = default;
        return false;
    }

    internal static PriceQuestion Draw(ref RandomStream random)
    {
        int draw = random.NextBelow(4);
        return new PriceQuestion(draw < 2 ? null : (ObjectSize)(draw - 2));
    }
}
