using System.Globalization;
using System.Text;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Evaluation;

namespace Sophia.Native.Cli.Commands;

/// <summary>pass@k with standard errors for k = 1, 2, 4 and so on up to the answers drawn, over all questions and by what their records say of them.</summary>
internal static class EvaluationTable
{
    /// <summary>Fields of MathVision, OlympiadBench and MathVista, whose are in its field <c>metadata</c>. The first two are told of every data set.</summary>
    private static readonly string[] Fields =
        ["subject", "level", "subfield", "difficulty", "question_type", "answer_type", "category", "task", "context", "grade", "skills", "language"];

    private const int AlwaysTold = 2;

    /// <summary>A longer text is no category.</summary>
    private const int LongestValue = 80;

    public static void Print(CommandOutput output, List<QuestionRecord> questions, int[] right, int samples)
    {
        int[] depths = [.. Depths(samples)];
        var rows = Rows(questions, right, samples, depths);
        foreach (var row in rows)
        {
            var line = new StringBuilder($"{(row.Field is null ? "all" : $"{row.Field} {row.Value}"),-44}");
            for (var i = 0; i < depths.Length; i++)
                line.Append(CultureInfo.InvariantCulture, $" pass@{depths[i]} {row.Rates[i].Value:0.0000} +- {row.Rates[i].StandardError:0.0000} ");
            output.Line(line.Append(CultureInfo.InvariantCulture, $" of {row.Questions}").ToString());
        }
        output.Json(json =>
        {
            Write(json, rows[0], depths);
            for (var i = 0; i < Fields.Length; i++)
            {
                var own = rows.FindAll(row => row.Field == Fields[i]);
                if (own.Count == 0 && i >= AlwaysTold)
                    continue;
                json.WriteStartObject(Fields[i]);
                foreach (var row in own)
                {
                    json.WriteStartObject(row.Value);
                    Write(json, row, depths);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
        });
    }

    /// <summary>The powers of two up to the number of answers, and that number.</summary>
    private static IEnumerable<int> Depths(int samples)
    {
        for (var depth = 1; depth < samples; depth *= 2)
            yield return depth;
        yield return samples;
    }

    private static void Write(Utf8JsonWriter json, Row row, int[] depths)
    {
        json.WriteNumber("questions", row.Questions);
        for (var i = 0; i < depths.Length; i++)
        {
            json.WriteNumber($"pass@{depths[i]}", row.Rates[i].Value);
            json.WriteNumber($"pass@{depths[i]}_standard_error", row.Rates[i].StandardError);
        }
    }

    /// <summary>The row of all questions, then those of each value of each field. A question with several skills counts in the row of each.</summary>
    private static List<Row> Rows(List<QuestionRecord> questions, int[] right, int samples, int[] depths)
    {
        var rows = new List<Row> { Measure(null, "", [.. Enumerable.Range(0, questions.Count)], right, samples, depths) };
        foreach (var field in Fields)
        {
            var groups = new SortedDictionary<string, List<int>>(StringComparer.Ordinal);
            for (var i = 0; i < questions.Count; i++)
            {
                foreach (var value in ValuesOf(questions[i], field))
                {
                    if (!groups.TryGetValue(value, out var indices))
                        groups.Add(value, indices = []);
                    indices.Add(i);
                }
            }
            foreach (var (value, indices) in groups)
                rows.Add(Measure(field, value, indices, right, samples, depths));
        }
        return rows;
    }

    /// <summary>The means over questions of the unbiased estimates.</summary>
    private static Row Measure(string? field, string value, List<int> indices, int[] right, int samples, int[] depths)
    {
        var rates = new Estimate[depths.Length];
        var values = new double[indices.Count];
        for (var k = 0; k < depths.Length; k++)
        {
            for (var i = 0; i < values.Length; i++)
                values[i] = PassRate.Unbiased(samples, right[indices[i]], depths[k]);
            rates[k] = Estimate.OfMean(values);
        }
        return new(field, value, indices.Count, rates);
    }

    private static HashSet<string> ValuesOf(QuestionRecord question, string field)
    {
        var values = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, value) in question.UnknownFields)
        {
            if (name == field)
                Add(values, value);
            else if (name == "metadata" && value.ValueKind == JsonValueKind.Object && value.TryGetProperty(field, out var inner))
                Add(values, inner);
        }
        return values;
    }

    private static void Add(HashSet<string> values, JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.String or JsonValueKind.Number && value.ToString() is { Length: > 0 and <= LongestValue } text)
            values.Add(text);
        for (var i = 0; value.ValueKind == JsonValueKind.Array && i < value.GetArrayLength(); i++)
            Add(values, value[i]);
    }

    private sealed record Row(string? Field, string Value, int Questions, Estimate[] Rates);
}
