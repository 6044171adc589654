using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;

namespace Sophia.Native.Tests.Pipeline;

public class PromptsTests
{
    [Theory]
    [InlineData("Which?\n<image1>", "Which?")]
    [InlineData("<image>\n<image12> a < b <image", "a < b <image")]
    [InlineData("<imagex> is no marker", "<imagex> is no marker")]
    [InlineData("a <image_3> b <img_3362> c <img_x> <img> <important>", "a  b  c <img_x> <img> <important>")]
    [InlineData("", "")]
    public void Image_markers_are_removed(string question, string text) => Assert.Equal(text, Prompts.WithoutImageMarkers(question));

    [Theory]
    [InlineData("In <image1> and <image2>, what differs?\n<image1>\n<image2>", 2, "In Image-1 and Image-2, what differs?")]
    [InlineData("<image2>\nCompare <image1> with it.", 2, "Compare Image-1 with it.")]
    [InlineData("Left <image> and right <image>", 2, "Left <image> and right <image>")]
    [InlineData("one <image>, one not", 2, "one , one not")]
    [InlineData("In <image1>, which?", 1, "In , which?")]
    public void The_policy_reads_the_numbers_of_several_images(string question, int images, string text)
    {
        QuestionRecord record = new() { Id = "1", Question = question, Images = [.. Enumerable.Range(0, images).Select(i => $"{i}.png")] };
        Assert.Equal($"{text}\n{Prompts.AnswerInstruction}", Prompts.ForPolicy(record));
    }

    [Fact]
    public void The_marker_of_a_video_goes_because_its_frames_stand_before_the_text() =>
        Assert.Equal($"What happens?\n{Prompts.AnswerInstruction}", Prompts.ForPolicy(new() { Id = "1", Question = "<video>\nWhat happens?", Video = ["clip"] }));

    [Fact]
    public void Options_have_letters_and_options_that_are_letters_are_not_said_twice() =>
        Assert.Equal("Which?\nOptions:\n(A) red\n(B)\n(C) C or D", Prompts.QuestionWithOptions("Which?\n<image1>", ["red", "B", "C or D"]));

    [Fact]
    public void The_reasoning_prompt_holds_example_question_and_caption_in_this_order()
    {
        string prompt = Prompts.Reasoning("a red circle", "How many circles?", []);
        int example = prompt.IndexOf("\\boxed{5}", StringComparison.Ordinal);
        int question = prompt.IndexOf("How many circles?", StringComparison.Ordinal);
        int caption = prompt.IndexOf("a red circle", StringComparison.Ordinal);
        Assert.True(0 < example && example < question && question < caption);
        Assert.DoesNotContain("\r", prompt);
    }

    [Theory]
    [InlineData("<think>a</think>b", true)]
    [InlineData("<think>a", false)]
    [InlineData("a</think><think>b", false)]
    [InlineData("plain", false)]
    public void The_slow_prompt_is_used_in_training_if_and_only_if_there_is_a_thought(string response, bool slow)
    {
        QuestionRecord question = new() { Id = "1", Question = "q" };
        TrajectoryRecord trajectory = new() { Id = "1", Question = question, Response = response };
        Assert.Equal(slow ? Prompts.SlowThinkingSystem : null, Prompts.SystemForTraining(trajectory));
        Assert.Equal("own", Prompts.SystemForTraining(trajectory with { Question = question with { System = "own" } }));
    }
}
