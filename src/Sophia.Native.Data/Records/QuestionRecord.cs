using System.Text.Json;

namespace Sophia.Native.Data.Records;

/// <summary>
/// A question about images with its gold answer: <c>{"id","image": path or [paths] | "video": folder or [paths],"question","options":[],"answer","system"?}</c>.
/// MathVision's own files read directly (markers such as &lt;image1&gt; stay in the question, answers may be letters of options), and so do those of MathVista and OlympiadBench, whose other fields
/// say how an answer is asked for and judged.
/// </summary>
public sealed record QuestionRecord : DataRecord
{
    private static readonly string[] KnownFields = ["id", "image", "video", "video_segments", "question", "options", "answer", "system"];

    /// <summary>Paths of the images as they stand in the file.</summary>
    public IReadOnlyList<string> Images { get; init; } = [];

    /// <summary>The video as it stands in the file: one path, of a folder of frames, or the paths of the frames; empty without a video.</summary>
    public IReadOnlyList<string> Video { get; init; } = [];

    /// <summary>Into how many equal segments the video is cut; the frame in the middle of each is shown.</summary>
    public int VideoSegments { get; init; } = VideoFrames.DefaultSegments;

    /// <summary>Whether the images are the frames of a video.</summary>
    public bool IsVideo => Video.Count > 0;

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>Choices A, B, C ... of a multiple-choice question; empty for an open one.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>The gold answer, or null where none is known.</summary>
    public string? Answer { get; init; }

    /// <summary>A system prompt of its own, or null for the default.</summary>
    public string? System { get; init; }

    /// <summary>Reads a line.</summary>
    /// <exception cref="InvalidDataException">A field is missing or of another kind.</exception>
    public static QuestionRecord Parse(JsonLine line) => Parse(line, KnownFields);

    internal static QuestionRecord Parse(JsonLine line, ReadOnlySpan<string> knownFields)
    {
        RecordFields fields = new(line);
        string? id = BenchmarkFields.Id(fields, out bool number);
        string folder = Path.GetDirectoryName(Path.GetFullPath(line.Path))!;
        string question = BenchmarkFields.Question(fields);
        string[] video = fields.Texts("video", single: true);
        if (video.Length > 0 && fields.Has("image")) throw line.Error("either \"image\" or \"video\"", "both");
        return new QuestionRecord
        {
            Id = id ?? line.Number.ToString(),
            IdIsNumber = number,
            Images = BenchmarkFields.Images(fields, question, folder),
            Video = video,
            VideoSegments = fields.Integer("video_segments", 1) ?? VideoFrames.DefaultSegments,
            Question = question,
            Options = BenchmarkFields.Options(fields),
            Answer = BenchmarkFields.Answer(fields),
            System = fields.Text("system"),
            // A context that has become part of the question is not kept beside it.
            UnknownFields = fields.Except(BenchmarkFields.IsOlympiad(fields) ? [.. knownFields, "context"] : knownFields),
            Folder = folder,
            Location = line.Location,
        };
    }

    /// <summary>The absolute paths of the images, each of which must exist; of a video those of the frames that are shown.</summary>
    /// <exception cref="InvalidDataException">One does not; the message names the record and the path.</exception>
    public IReadOnlyList<string> ImagePaths()
    {
        if (IsVideo) return FramePaths();
        string[] paths = new string[Images.Count];
        for (int i = 0; i < paths.Length; i++)
        {
            paths[i] = Resolve(Images[i], "an image");
            if (!File.Exists(paths[i]))
                throw Error("an image file", $"nothing at '{paths[i]}' (paths are relative to the folder of the record file)");
        }

        return paths;
    }

    private string[] FramePaths()
    {
        string[] paths = [.. Video.Select(path => Resolve(path, "a frame, or of a folder of frames"))];
        if (paths is [var folder] && Directory.Exists(folder))
        {
            paths = VideoFrames.Of(folder);
            if (paths.Length == 0) throw Error("a folder with frames (.png, .jpg or .jpeg) as \"video\"", $"none in '{folder}'");
        }

        foreach (string path in paths)
        {
            if (!VideoFrames.IsImage(path) && File.Exists(path))
                throw Error("a folder of frames, or a list of images, as \"video\"", $"the file '{path}': there is no video decoder here; write its frames as images first, for example with ffmpeg -i VIDEO FOLDER/%06d.png");
            if (!File.Exists(path)) throw Error("a folder of frames, or a list of images, as \"video\"", $"nothing at '{path}' (paths are relative to the folder of the record file)");
        }

        return VideoFrames.Choose(paths, VideoSegments);
    }

    /// <inheritdoc/>
    public override void WriteFields(Utf8JsonWriter json, string folder)
    {
        ArgumentNullException.ThrowIfNull(json);
        WriteKnownFields(json, folder);
        WriteUnknownFields(json, KnownFields);
    }

    internal void WriteKnownFields(Utf8JsonWriter json, string folder)
    {
        WriteId(json);
        if (Images.Count == 1)
        {
            json.WriteString("image", Relocate(Images[0], folder));
        }
        else if (Images.Count > 1)
        {
            json.WriteStartArray("image");
            foreach (string image in Images) json.WriteStringValue(Relocate(image, folder));
            json.WriteEndArray();
        }

        if (IsVideo)
        {
            if (Video.Count == 1) json.WriteString("video", Relocate(Video[0], folder));
            else
            {
                json.WriteStartArray("video");
                foreach (string frame in Video) json.WriteStringValue(Relocate(frame, folder));
                json.WriteEndArray();
            }

            if (VideoSegments != VideoFrames.DefaultSegments) json.WriteNumber("video_segments", VideoSegments);
        }

        json.WriteString("question", Question);
        json.WriteStartArray("options");
        foreach (string option in Options) json.WriteStringValue(option);
        json.WriteEndArray();
        if (Answer is not null) json.WriteString("answer", Answer);
        if (System is not null) json.WriteString("system", System);
    }
}
