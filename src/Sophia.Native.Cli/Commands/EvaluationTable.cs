using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;

namespace Sophia.Native.Cli.Commands;

/// <summary>pass@1 and pass@k with standard errors, over all questions and by subject and level.</summary>
internal static class EvaluationTable
{
    private static readonly string[] Fields = ["subject", "level"];

    public static void Print(CommandOutput output, List<QuestionRecord> questions, int[] right, int samples)
    {
        var rows = Rows(questions, right, samples);
        foreach (var row in rows)
        {
            var name = row.Field is null ? "all" : $"{row.Field} {row.Value}";
            var any = samples == 1 ? "" : Invariant($"  pass@{samples} {row.Any.Value:0.0000} +- {row.Any.StandardError:0.0000}");
            output.Line(Invariant($"{name,-44} pass@1 {row.One.Value:0.0000} +- {row.One.StandardError:0.0000}{any}  of {row.Questions}"));
        }
        output.Json(json =>
        {
            Write(json, rows[0], samples);
            foreach (var field in Fields)
            {
                json.WriteStartObject(field);
                foreach (var row in rows)
                {
                    if (row.Field != field)
                        continue;
                    json.WriteStartObject(row.Value);
                    Write(json, row, samples);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
        });
    }

    private static void Write(Utf8JsonWriter json, Row row, int samples)
    {
        json.WriteNumber("questions", row.Questions);
        json.WriteNumber("pass@1", row.One.Value);
        json.WriteNumber("pass@1_standard_error", row.One.StandardError);
        if (samples == 1)
            return;
        json.WriteNumber($"pass@{samples}", row.Any.Value);
        json.WriteNumber($"pass@{samples}_standard_error", row.Any.StandardError);
    }

    /// <summary>The row of all questions, then those of each subject and each level.</summary>
    private static List<Row> Rows(List<QuestionRecord> questions, int[] right, int samples)
    {
        var all = Enumerable.Range(0, questions.Count).ToList();
        var rows = new List<Row> { Measure(null, "", all, right, samples) };
        foreach (var field in Fields)
        {
            foreach (var group in all.GroupBy(index => ValueOf(questions[index], field)).Where(group => group.Key.Length > 0).OrderBy(group => group.Key, StringComparer.Ordinal))
                rows.Add(Measure(field, group.Key, [.. group], right, samples));
        }
        return rows;
    }

    /// <summary>The mean over questions of the share of right answers, and of whether any is right.</summary>
    private static Row Measure(string? field, string value, List<int> indices, int[] right, int samples)
    {
        var shares = new double[indices.Count];
        var any = new double[indices.Count];
        for (var i = 0; i < shares.Length; i++)
        {
            shares[i] = (double)right[indices[i]] / samples;
            any[i] = right[indices[i]] > 0 ? 1 : 0;
        }
        return new(field, value, indices.Count, Estimate.OfMean(shares), Estimate.OfMean(any));
    }

    private static string ValueOf(QuestionRecord question, string field)
    {
        foreach (var (name, value) in question.UnknownFields)
        {
            if (name == field && value.ValueKind is JsonValueKind.String or JsonValueKind.Number)
                return value.ToString();
        }
        return "";
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private readonly record struct Row(string? Field, string Value, int Questions, Estimate One, Estimate Any);
}
