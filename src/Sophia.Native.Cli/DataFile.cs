using Sophia.Native.Data.Records;

namespace Sophia.Native.Cli;

/// <summary>Reads a whole file of records before the first of them is worked on, so that a broken line or a missing image ends a run at its beginning.</summary>
internal static class DataFile
{
    public static List<DataRecord> Read(string path)
    {
        var records = new List<DataRecord>();
        foreach (var record in RecordReader.Read(path))
        {
            CheckImages(record);
            records.Add(record);
        }
        return records.Count > 0 ? records : throw None(path, "record");
    }

    public static List<QuestionRecord> ReadQuestions(string path)
    {
        var questions = new List<QuestionRecord>();
        foreach (var question in RecordReader.ReadQuestions(path))
        {
            question.ImagePaths();
            questions.Add(question);
        }
        return questions.Count > 0 ? questions : throw None(path, "question");
    }

    private static void CheckImages(DataRecord record)
    {
        if ((record as QuestionRecord ?? (record as TrajectoryRecord)?.Question) is { } question)
            question.ImagePaths();
    }

    private static InvalidDataException None(string path, string what) => new($"{path}: expected at least one {what}, found none.");
}
