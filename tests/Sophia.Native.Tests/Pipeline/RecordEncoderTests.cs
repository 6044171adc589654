using Sophia.Native.Data.Chat;
using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline;
using Sophia.Native.Tests.Cli;

namespace Sophia.Native.Tests.Pipeline;

/// <summary>What a record with an image, several, a video or none becomes: its text, the tokens of its tiles, and their pixels in this order.</summary>
public sealed class RecordEncoderTests(SmallWorld world) : IClassFixture<SmallWorld>
{
    private readonly InternVLProcessor _processor = InternVLProcessor.Load(world.Model);

    [Fact]
    public void Text_alone_has_no_tile()
    {
        var request = Encode("""{"question":"What is 1 + 1?"}""");
        Assert.Equal((0, null), (request.TileCount, request.PixelValues));
        Assert.Equal($"What is 1 + 1?\n{Prompts.AnswerInstruction}", Text(request));
    }

    [Fact]
    public void Several_images_share_the_tiles_of_one_and_stand_in_their_order()
    {
        var (red, blue) = (Frame("red.png"), Frame("blue.png"));
        // red.png is two tiles wide and has a thumbnail where it stands alone.
        var alone = Encode("""{"question":"q","image":"red.png"}""");
        Assert.Equal(3, alone.TileCount);
        Assert.Equal($"{Tiles(3)}\nq\n{Prompts.AnswerInstruction}", Text(alone));
        var both = Encode("""{"question":"Is <image1> redder than <image2>?","image":["red.png","blue.png"]}""");
        Assert.Equal(2, both.TileCount);
        Assert.Equal($"Image-1: {Tiles(1)}\nImage-2: {Tiles(1)}\nIs Image-1 redder than Image-2?\n{Prompts.AnswerInstruction}", Text(both));
        Assert.Equal([.. red, .. blue], both.PixelValues!);
        Assert.Equal([.. blue, .. red], Encode("""{"question":"q","image":["blue.png","red.png"]}""").PixelValues!);
    }

    [Fact]
    public void A_video_is_its_frames_with_one_tile_each()
    {
        var request = Encode("""{"question":"<video>\nWhat changes?","video":["red.png","blue.png","red.png"]}""");
        Assert.Equal(3, request.TileCount);
        Assert.Equal($"Frame1: {Tiles(1)}\nFrame2: {Tiles(1)}\nFrame3: {Tiles(1)}\nWhat changes?\n{Prompts.AnswerInstruction}", Text(request));
        Assert.Equal([.. Frame("red.png"), .. Frame("blue.png"), .. Frame("red.png")], request.PixelValues!);
        // One frame of a wide picture: no tile beside it and no thumbnail, as it would have as an image.
        Assert.Equal(1, Encode("""{"question":"q","video":["red.png"]}""").TileCount);
    }

    private GenerationRequest Encode(string json)
    {
        var file = Path.Combine(Path.GetDirectoryName(world.Image)!, $"record-{Guid.NewGuid():N}.jsonl");
        File.WriteAllText(file, json[..^1] + ",\"answer\":\"2\"}\n");
        return new RecordEncoder(_processor).ToRequest(RecordReader.Read(file).Single(), 0);
    }

    /// <summary>The normalized pixels of an image as one tile.</summary>
    private float[] Frame(string name) => _processor.Process(null, "q", [Path.Combine(Path.GetDirectoryName(world.Image)!, name)], areFrames: true).PixelValues!;

    private string Tiles(int count) => "<img>" + string.Concat(Enumerable.Repeat("<IMG_CONTEXT>", count * _processor.Config.VisualTokensPerTile)) + "</img>";

    /// <summary>The turn of the user.</summary>
    private string Text(GenerationRequest request)
    {
        var text = _processor.Tokenizer.Decode(request.PromptIds);
        const string begin = "<|im_start|>user\n", end = "<|im_end|>\n<|im_start|>assistant\n";
        Assert.EndsWith(end, text);
        return text[(text.IndexOf(begin, StringComparison.Ordinal) + begin.Length)..^end.Length];
    }
}
