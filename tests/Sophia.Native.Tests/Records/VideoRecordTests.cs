using Sophia.Native.Data.Records;
using Xunit;

namespace Sophia.Native.Tests.Records;

/// <summary>Videos as folders of frames or lists of images.</summary>
public sealed class VideoRecordTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Indices by InternVL's own get_index: numpy.array([int(s / 2 + numpy.round(s * i)) for i in range(n)]), s = (frames - 1) / n.</summary>
    [Theory]
    [InlineData(100, 8, new[] { 6, 18, 31, 43, 56, 68, 80, 93 })]
    [InlineData(20, 4, new[] { 2, 7, 12, 16 })]
    [InlineData(9, 8, new[] { 0, 1, 2, 3, 4, 5, 6, 7 })]
    [InlineData(11, 4, new[] { 1, 3, 6, 9 })]
    [InlineData(5, 1, new[] { 2 })]
    [InlineData(3, 8, new[] { 0, 1, 2 })]
    public void Frames_stand_for_equal_segments(int frames, int segments, int[] expected)
    {
        string[] names = [.. Enumerable.Range(0, frames).Select(i => $"{i}")];
        Assert.Equal(expected.Select(i => $"{i}"), VideoFrames.Choose(names, segments));
    }

    [Fact]
    public void A_folder_gives_its_images_in_the_order_of_their_numbers()
    {
        for (int i = 1; i <= 12; i++) _folder.Write($"clip/frame{i}.png", "");
        _folder.Write("clip/notes.txt", "");
        QuestionRecord question = Read("""{"id":1,"video":"clip","video_segments":12,"question":"q"}""");
        Assert.True(question.IsVideo);
        Assert.Equal(Enumerable.Range(1, 12).Select(i => _folder.File($"clip/frame{i}.png")), question.ImagePaths());
        Assert.Equal(8, Read("""{"id":1,"video":"clip","question":"q"}""").ImagePaths().Count);
        QuestionRecord listed = Read("""{"id":1,"video":["clip/frame7.png","clip/frame3.png"],"question":"q"}""");
        Assert.Equal([_folder.File("clip/frame7.png"), _folder.File("clip/frame3.png")], listed.ImagePaths());
    }

    [Theory]
    [InlineData("""{"id":1,"video":"clip","video_segments":3,"question":"q"}""")]
    [InlineData("""{"id":1,"video":["clip/a.png","clip/b.png"],"question":"q"}""")]
    public void A_video_survives_being_written_into_another_folder(string json)
    {
        foreach (string name in (string[])["clip/a.png", "clip/b.png", "clip/c.png", "clip/d.png"]) _folder.Write(name, "");
        QuestionRecord question = Read(json);
        Directory.CreateDirectory(_folder.File("deeper"));
        AtomicFile.WriteRecords(_folder.File("deeper/copy.jsonl"), [question]);
        QuestionRecord copy = Assert.IsType<QuestionRecord>(RecordReader.Read(_folder.File("deeper/copy.jsonl")).Single());
        Assert.Equal(question.ImagePaths(), copy.ImagePaths());
        Assert.Equal(question.VideoSegments, copy.VideoSegments);
    }

    [Theory]
    [InlineData("""{"id":1,"video":"clip.mp4","question":"q"}""", "no video decoder")]
    [InlineData("""{"id":1,"video":"empty","question":"q"}""", "none in")]
    [InlineData("""{"id":1,"video":"absent","question":"q"}""", "nothing at")]
    [InlineData("""{"id":1,"video":["absent.png"],"question":"q"}""", "nothing at")]
    [InlineData("""{"id":1,"video":"empty","image":"a.png","question":"q"}""", "both")]
    [InlineData("""{"id":1,"video":"empty","video_segments":0,"question":"q"}""", "video_segments")]
    public void A_video_that_cannot_be_read_is_one_clear_error(string json, string fault)
    {
        _folder.Write("clip.mp4", "ftyp");
        Directory.CreateDirectory(_folder.File("empty"));
        string message = Assert.Throws<InvalidDataException>(() => Read(json).ImagePaths()).Message;
        Assert.Contains("records.jsonl", message);
        Assert.Contains(fault, message);
    }

    private QuestionRecord Read(string json) => Assert.IsType<QuestionRecord>(RecordReader.Read(_folder.Write("records.jsonl", json + "\n")).Single());
}
