namespace Sophia.Native.Data.Records;

/// <summary>
/// What MathVista and OlympiadBench call the fields of a question. MathVista: <c>pid</c> and <c>choices</c>; OlympiadBench: <c>final_answer</c> (a list), <c>context</c> before the question, images as
/// <c>image_1</c> to <c>image_9</c>, as a list <c>images</c>, or as markers &lt;img_3362&gt; that stand for <c>images/3362.jpg</c> beside the folder of the file.
/// </summary>
internal static class BenchmarkFields
{
    private const int MostImages = 9;
    private const string Marker = "<img_";

    /// <summary>Whether the line is a question of OlympiadBench as it is published: one that this project has written has an answer of its own.</summary>
    public static bool IsOlympiad(RecordFields fields) => fields.Has("final_answer") && !fields.Has("answer");

    public static string? Id(RecordFields fields, out bool number) => fields.TextOrNumber("id", out number) ?? fields.TextOrNumber("pid", out number);

    public static string[] Options(RecordFields fields) => fields.Has("options") ? fields.Texts("options", single: false) : fields.Texts("choices", single: false);

    /// <summary>The gold answer; a list of several becomes one text with commas, as the verifier takes it.</summary>
    public static string? Answer(RecordFields fields)
    {
        if (fields.TextOrNumber("answer", out _) is { } answer) return answer;
        string[] answers = fields.Texts("final_answer", single: true);
        return answers.Length == 0 ? null : string.Join(", ", answers);
    }

    /// <summary>The question behind its context.</summary>
    public static string Question(RecordFields fields)
    {
        string question = fields.RequiredText("question");
        return IsOlympiad(fields) && fields.Text("context") is { Length: > 0 } context ? context + "\n" + question : question;
    }

    public static string[] Images(RecordFields fields, string question, string folder)
    {
        if (fields.Has("image")) return fields.Texts("image", single: true);
        if (!fields.Has("final_answer")) return [];
        if (fields.Has("images")) return fields.Texts("images", single: true);
        List<string> images = [];
        for (int i = 1; i <= MostImages; i++)
        {
            if (fields.Text($"image_{i}") is { Length: > 0 } image) images.Add(image);
        }

        return images.Count > 0 ? [.. images] : MarkedImages(question, folder);
    }

    private static string[] MarkedImages(string question, string folder)
    {
        List<string> images = [];
        for (int at = question.IndexOf(Marker, StringComparison.Ordinal); at >= 0; at = question.IndexOf(Marker, at + 1, StringComparison.Ordinal))
        {
            int begin = at + Marker.Length, end = begin;
            while (end < question.Length && char.IsAsciiDigit(question[end])) end++;
            if (end == begin || end == question.Length || question[end] != '>') continue;
            string name = question[begin..end];
            // The published archive has data/FILE.json and images/ side by side; others put the images below the file.
            string image = $"../images/{name}.jpg";
            foreach (string place in (ReadOnlySpan<string>)[$"../images/{name}.jpg", $"images/{name}.jpg", $"../images/{name}.png", $"images/{name}.png"])
            {
                if (!File.Exists(Path.Combine(folder, place))) continue;
                image = place;
                break;
            }

            if (!images.Contains(image)) images.Add(image);
        }

        return [.. images];
    }
}
