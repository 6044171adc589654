using System.Text;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline;

/// <summary>
/// The texts of a round: what the policy is asked for a caption, what the reasoner is asked, and how a question is put to the policy.
/// The rules they follow are those of SOPHIA (arXiv 2507.16814, appendix); the wording is this project's.
/// </summary>
public static class Prompts
{
    /// <summary>The instruction x_d of a caption. It is one constant for every image: no question can reach it.</summary>
    public const string CaptionInstruction =
        """
        Describe this image so completely and precisely that someone who never sees it could redraw it and answer any question about it.
        - Copy all text, symbols and numbers exactly as they stand, and say where each one is.
        - Diagrams and graphs: every node with its label, every line or arrow with its direction and label.
        - Charts and tables: the type, the title, the legend, the axes with units and ticks, and every element with its color and value.
        - Geometry: every point, segment, angle and region with its label, color, position and given measure, and what is parallel, perpendicular, equal or touching.
        - Everything else: which objects there are, how many of each, with their colors, sizes, shapes and positions relative to each other.
        State only what can be seen. Do not guess what the image is for, do not solve anything, and do not mention any question.
        """;

    /// <summary>
    /// The system prompt for thinking slowly. It is used in training if and only if the trace holds a thought between think tags
    /// (<see cref="HasThought"/>), and always at inference.
    /// </summary>
    public const string SlowThinkingSystem =
        """
        You think before you answer, and you show your thinking.

        Write the whole way to the answer between <think> and </think>: look at the question and the image closely, work step by step, check intermediate results, and go back where something does not fit.

        After </think>, on a new line, give the answer alone, clear and short, without referring to the thinking.
        """;

    /// <summary>What follows a question that is put to the policy.</summary>
    public const string AnswerInstruction = "Answer the question and put the final answer into \\boxed{}.";

    private const string ReasoningRules =
        """
        You answer questions about an image. You are given the question and the visual information of the image: a description of everything that can be seen in it.

        How to respond:
        - Think step by step, and take what you need from the visual information.
        - Write as if you were looking at the image yourself: speak of "the image", never of a description, a caption or given information.
        - If a text, symbol or number of the image answers the question directly, copy it exactly.
        - If the visual information does not settle something, decide for the likeliest reading and go on. When you notice that you are going in circles, stop and conclude.
        - End with the final answer in \boxed{}. For a question with options, put the letter of the option into the box.
        """;

    private const string WorkedExample =
        """
        Example

        Question:
        The bars show how many books each child has read. How many more books has Mia read than the two others together?

        Visual information:
        A bar chart titled "Books read". The horizontal axis names three children from left to right: Ben, Mia, Tom. The vertical axis goes from 0 to 12 in steps of 2. The blue bar of Ben ends at 3, halfway between 2 and 4. The green bar of Mia ends at 12. The red bar of Tom ends at 4.

        Response:
        The image shows a bar for each of three children. Ben's bar ends halfway between 2 and 4, so Ben has read 3 books. Tom's bar ends at 4, so together they have read 3 + 4 = 7 books. Mia's bar ends at 12. The difference is 12 - 7 = 5. Checking: 7 + 5 = 12, which fits.
        \boxed{5}
        """;

    /// <summary>The prompt of the reasoner: rules, one worked example, then the question with its options and the caption as visual information.</summary>
    public static string Reasoning(string caption, string question, IReadOnlyList<string> options)
    {
        ArgumentNullException.ThrowIfNull(caption);
        StringBuilder prompt = new();
        prompt.Append(ReasoningRules).Append("\n\n").Append(WorkedExample).Append("\n\nYour turn\n\nQuestion:\n");
        prompt.Append(QuestionWithOptions(question, options)).Append("\n\nVisual information:\n").Append(caption.Trim()).Append("\n\nResponse:\n");
        return prompt.ToString();
    }

    /// <summary>
    /// The question as it is put to the policy beside the images: the same text in training, rollout and evaluation. One image stands before the text; of several the markers
    /// <c>&lt;image1&gt;</c>, <c>&lt;image2&gt;</c> become the names <c>Image-1</c>, <c>Image-2</c> under which the chat format shows them, unless the text places each by an <c>&lt;image&gt;</c> of its own.
    /// </summary>
    public static string ForPolicy(QuestionRecord question)
    {
        ArgumentNullException.ThrowIfNull(question);
        return AnswerForm.Ask(question) + "\n" + AnswerInstruction;
    }

    /// <summary>The question without image markers, and its options with letters.</summary>
    public static string QuestionWithOptions(string question, IReadOnlyList<string> options)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(options);
        return WithOptions(WithoutImageMarkers(question), options);
    }

    private static string WithOptions(string question, IReadOnlyList<string> options)
    {
        StringBuilder text = new(question);
        if (options.Count > 0) text.Append("\nOptions:");
        for (int i = 0; i < options.Count; i++)
        {
            string letter = i < 26 ? ((char)('A' + i)).ToString() : $"{i + 1}";
            text.Append("\n(").Append(letter).Append(')');
            // Many questions have their options drawn in the image and only the letters here.
            if (options[i].Trim() != letter) text.Append(' ').Append(options[i].Trim());
        }

        return text.ToString();
    }

    /// <summary>Whether a response holds a thought: an opening think tag and a closing one behind it.</summary>
    public static bool HasThought(string response)
    {
        ArgumentNullException.ThrowIfNull(response);
        int open = response.IndexOf("<think>", StringComparison.Ordinal);
        return open >= 0 && response.IndexOf("</think>", open, StringComparison.Ordinal) >= 0;
    }

    /// <summary>The system prompt under which a response is trained: the record's own, else the slow one for a response with a thought, else null for the default.</summary>
    public static string? SystemForTraining(TrajectoryRecord trajectory)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        return trajectory.Question.System ?? (HasThought(trajectory.Response) ? SlowThinkingSystem : null);
    }

    /// <summary>The text of a question, which may have been added to, with its options: several images are named, other markers go.</summary>
    internal static string QuestionWithOptions(QuestionRecord record, string question)
    {
        bool hasSeveral = !record.IsVideo && record.Images.Count > 1;
        bool isPlaced = hasSeveral && question.AsSpan().Count("<image>") == record.Images.Count;
        if (hasSeveral) question = WithImageNames(question, record.Images.Count);
        return WithOptions(isPlaced ? question.Trim() : WithoutImageMarkers(question), record.Options);
    }

    /// <summary>A marker that stands alone on a line only shows an image, and goes; one inside a sentence names it.</summary>
    private static string WithImageNames(string question, int images)
    {
        string[] lines = question.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (WithoutImageMarkers(lines[i]).Length == 0) continue;
            for (int image = 1; image <= images; image++)
            {
                foreach (string marker in (ReadOnlySpan<string>)[$"<image{image}>", $"<image_{image}>", $"<img_{image}>"]) lines[i] = lines[i].Replace(marker, $"Image-{image}", StringComparison.Ordinal);
            }
        }

        return string.Join('\n', lines);
    }

    /// <summary>Removes &lt;image&gt;, &lt;image1&gt;, &lt;image_1&gt;, &lt;img_1&gt; and so on, and &lt;video&gt;; the images themselves stand before the text.</summary>
    public static string WithoutImageMarkers(string question)
    {
        ArgumentNullException.ThrowIfNull(question);
        question = question.Replace("<video>", "", StringComparison.Ordinal);
        StringBuilder text = new(question.Length);
        int from = 0;
        while (from < question.Length)
        {
            int marker = question.IndexOf("<im", from, StringComparison.Ordinal);
            if (marker < 0) break;
            ReadOnlySpan<char> rest = question.AsSpan(marker);
            int end = marker + (rest.StartsWith("<image") ? "<image".Length : rest.StartsWith("<img_") ? "<img".Length : "<im".Length);
            bool isName = end > marker + "<im".Length;
            if (isName && end < question.Length && question[end] == '_') end++;
            while (isName && end < question.Length && char.IsAsciiDigit(question[end])) end++;
            bool closed = isName && end < question.Length && question[end] == '>';
            text.Append(question.AsSpan(from, (closed ? marker : end) - from));
            from = closed ? end + 1 : end;
        }

        return text.Append(question.AsSpan(from)).ToString().Trim();
    }
}
