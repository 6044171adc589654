namespace Sophia.Native.Data.Records;

/// <summary>
/// Reads records of any kind and says which one a line is: raw if it has <c>input_ids</c>, a trajectory if it has <c>response</c>, a question otherwise.
/// </summary>
public static class RecordReader
{
    /// <summary>Reads a file lazily.</summary>
    /// <exception cref="InvalidDataException">The file does not exist or a line is no record; the message begins with <c>path:line:</c>.</exception>
    public static IEnumerable<DataRecord> Read(string path)
    {
        foreach (JsonLine line in JsonLines.Read(path)) yield return Parse(line);
    }

    /// <summary>
    /// Reads a file of questions; trajectories count as their questions. Besides JSON lines it may be one JSON array of questions, as OlympiadBench's files are, or one JSON object of them, as
    /// MathVista's are.
    /// </summary>
    /// <exception cref="InvalidDataException">As above, or a line is a raw record.</exception>
    public static IEnumerable<QuestionRecord> ReadQuestions(string path)
    {
        foreach (JsonLine line in JsonCollection.Read(path))
        {
            yield return Parse(line) switch
            {
                QuestionRecord question => question,
                TrajectoryRecord trajectory => trajectory.Question,
                _ => throw line.Error("a question", "a raw record (it has \"input_ids\")"),
            };
        }
    }

    /// <summary>Reads one line.</summary>
    /// <exception cref="InvalidDataException">The line is no record of the kind its fields say.</exception>
    public static DataRecord Parse(JsonLine line)
    {
        RecordFields fields = new(line);
        if (fields.Has("input_ids")) return RawRecord.Parse(line);
        if (fields.Has("response")) return TrajectoryRecord.Parse(line);
        if (fields.Has("question")) return QuestionRecord.Parse(line);
        throw line.Error("a question, a trajectory or a raw record (a field \"question\", \"response\" or \"input_ids\")", "none of these fields");
    }
}
