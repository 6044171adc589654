using System.Text;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The words of the small world and the sentences made of them. Every word is one pre-token of the Qwen2 pre-splitter together with the
/// space before it: so numbers are words, cells are single words without a hyphen, and a number in a box keeps its space
/// (<c>\boxed{ five }</c>), which makes the answer the same token as in the sum before it.
/// </summary>
internal static class WorldLanguage
{
    /// <summary>System message of captions, descriptions and direct answers.</summary>
    public const string PlainSystemMessage = "plain";

    /// <summary>System message that asks for slow thinking.</summary>
    public const string SlowSystemMessage = "think";

    /// <summary>The instruction that asks for a caption.</summary>
    public const string CaptionInstruction = "describe the image.";

    /// <summary>The largest number that has a word here; sums stop at it.</summary>
    public const int LargestNumber = 20;

    internal static readonly string[] Cells = ["northwest", "northeast", "southwest", "southeast"];
    internal static readonly string[] Sizes = ["small", "big"];
    internal static readonly string[] Colors = ["red", "green", "blue", "yellow"];
    internal static readonly string[] Shapes = ["circle", "square", "triangle"];

    internal static readonly string[] Numbers =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
        "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    ];

    /// <summary>Words of no attribute: those of questions and traces, and some that occur only between objects and before prompts, where what comes next must not be guessable.</summary>
    internal static readonly string[] OtherWords =
    [
        "price", "of", "all", "the", "objects", "describe", "image", "look", "at", "none", "there", "is", "a", "okay", "let", "me", "see", "first", "hmm", "i",
        "now", "count", "wait", "back", "yes", "correct", "check", "again", "total", "so", "answer", "that", "means", "should", "be", "no", "how", "many", "plus",
        "more", "than", "and", "by", "are", "in", "good", "which", "skip", "done", "from", "it", "we", "have", "with", "add", "up", "what",
    ];

    /// <summary>The word for a cell.</summary>
    public static string Word(WorldCell cell) => Cells[(int)cell];

    /// <summary>The word for a size.</summary>
    public static string Word(ObjectSize size) => Sizes[(int)size];

    /// <summary>The word for a color.</summary>
    public static string Word(ObjectColor color) => Colors[(int)color];

    /// <summary>The word for a shape.</summary>
    public static string Word(ObjectShape shape) => Shapes[(int)shape];

    /// <summary>The word for a number from zero to twenty.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="number"/> has no word.</exception>
    public static string Number(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, LargestNumber);
        return Numbers[number];
    }

    /// <summary>An object without its cell: <c>big red square</c>.</summary>
    public static string Describe(ObjectSize size, ObjectColor color, ObjectShape shape) => $"{Word(size)} {Word(color)} {Word(shape)}";

    /// <summary>An object with its cell: <c>northwest big red square</c>.</summary>
    public static string Describe(SceneObject one) => $"{Word(one.Cell)} {Describe(one.Size, one.Color, one.Shape)}";

    /// <summary>The caption of a scene whose objects are all seen rightly: <c>northwest big red square; southeast small blue circle.</c></summary>
    public static string Caption(ReadOnlySpan<SceneObject> objects)
    {
        var text = new StringBuilder();
        foreach (SceneObject one in objects) text.Append(text.Length == 0 ? "" : "; ").Append(Describe(one));
        return text.Append('.').ToString();
    }

    /// <summary>A boxed answer: <c>\boxed{ five }.</c></summary>
    public static string Boxed(int number) => $@"\boxed{{ {Number(number)} }}.";
}
