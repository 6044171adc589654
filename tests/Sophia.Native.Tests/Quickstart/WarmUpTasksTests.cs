using Sophia.Native.Pipeline.Quickstart;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class WarmUpTasksTests
{
    private static readonly World World = new(6);
    private static readonly WarmUpTasks Tasks = new(6);

    [Fact]
    public void Image_tasks_come_in_the_stated_mix()
    {
        const int Count = 6000;
        int captions = 0, scattered = 0, requests = 0, bare = 0;
        for (int index = 0; index < Count; index++)
        {
            WarmUpTask task = Tasks.CreateImageTask(World.CreateScene(index), index);
            if (!task.EndsTurn) scattered++;
            else if (task.UserText.EndsWith("describe the image.")) captions++;
            else if (task.UserText.Contains("look at ")) requests++;
            bare += task.UserText is "describe the image." ? 1 : 0;
        }

        Assert.Equal(Count, captions + scattered + requests);
        Assert.InRange((double)captions / Count, .35 - .03, .35 + .03);
        Assert.InRange((double)scattered / Count, .3 - .03, .3 + .03);
        Assert.InRange((double)bare / captions, .6 + .4 / 31 - .04, .6 + .4 / 31 + .04);
    }

    [Fact]
    public void Whatever_is_trained_about_an_image_is_true()
    {
        for (int index = 0; index < 2000; index++)
        {
            Scene scene = World.CreateScene(index);
            WarmUpTask task = Tasks.CreateImageTask(scene, index);
            Assert.Same(scene, task.Scene);
            string trained = string.Concat(task.Response.Where(segment => segment.IsTrained).Select(segment => segment.Text));
            Assert.All(ClaimParser.Parse(task.ResponseText), claim => Assert.True(scene.Contains(claim.Object)));
            Assert.Equal(ClaimParser.Parse(task.ResponseText).Select(claim => claim.Object), ClaimParser.Parse(trained).Select(claim => claim.Object));
            foreach (string word in trained.TrimEnd('.').Split("; ").Where(part => part.EndsWith(" none")))
                Assert.Null(scene.At(Enum.Parse<WorldCell>(word.Split(' ')[0], ignoreCase: true)));
        }
    }

    [Fact]
    public void Captions_and_scattered_objects_name_everything_and_requests_name_what_was_asked()
    {
        for (int index = 0; index < 2000; index++)
        {
            Scene scene = World.CreateScene(index);
            WarmUpTask task = Tasks.CreateImageTask(scene, index);
            SceneObject[] claims = [.. ClaimParser.Parse(task.ResponseText).Select(claim => claim.Object)];
            if (!task.EndsTurn || task.UserText.EndsWith("describe the image."))
            {
                Assert.Equal(scene.Objects.ToArray(), claims);
                continue;
            }

            string[] asked = task.UserText[(task.UserText.LastIndexOf("look at ") + 8)..].TrimEnd('.').Split(' ');
            Assert.Equal(asked, task.ResponseText.TrimEnd('.').Split("; ").Select(part => part.Split(' ')[0]));
            Assert.Equal(asked.Length, asked.Distinct().Count());
        }
    }

    [Fact]
    public void Between_scattered_objects_nothing_is_trained()
    {
        int untrained = 0;
        for (int index = 0; index < 500; index++)
        {
            WarmUpTask task = Tasks.CreateImageTask(World.CreateScene(index), index);
            if (task.EndsTurn)
            {
                Assert.All(task.Response, segment => Assert.True(segment.IsTrained));
                continue;
            }

            for (int i = 0; i < task.Response.Count; i++)
            {
                Assert.Equal(i % 2 == 0, task.Response[i].IsTrained);
                if (i % 2 == 0) Assert.Single(ClaimParser.Parse(task.Response[i].Text));
                else untrained++;
            }
        }

        Assert.True(untrained > 200);
    }

    [Fact]
    public void Slow_thinking_is_asked_for_in_text_alone()
    {
        for (int index = 0; index < 500; index++)
        {
            Scene scene = World.CreateScene(index);
            Assert.Equal(WorldLanguage.PlainSystemMessage, Tasks.CreateImageTask(scene, index).SystemMessage);
            Assert.Equal(WorldLanguage.PlainSystemMessage, Tasks.CreateDirectTask(scene, World.CreateQuestion(index), index).SystemMessage);
            WarmUpTask text = Tasks.CreateTextTask(index);
            Assert.Equal(WorldLanguage.SlowSystemMessage, text.SystemMessage);
            Assert.Null(text.Scene);
            Assert.DoesNotContain("think", Tasks.CreateImageTask(scene, index).ResponseText);
        }
    }

    [Fact]
    public void Text_tasks_end_with_the_right_answer_to_their_own_caption()
    {
        for (int index = 0; index < 500; index++)
        {
            WarmUpTask task = Tasks.CreateTextTask(index);
            int cut = task.UserText.IndexOf(" price of");
            Assert.True(PriceQuestion.TryParse(task.UserText[cut..], out PriceQuestion question));
            SceneObject[] objects = [.. ClaimParser.Parse(task.UserText[..cut]).Select(claim => claim.Object)];
            Assert.Equal(objects, ClaimParser.Parse(task.ResponseText).Select(claim => claim.Object));
            Assert.EndsWith(WorldLanguage.Boxed(question.Answer(objects)), task.ResponseText);
            Assert.StartsWith("<think> ", task.ResponseText);
        }
    }

    [Fact]
    public void Direct_tasks_answer_at_once()
    {
        Scene scene = World.CreateScene(3);
        var question = new PriceQuestion(null);
        WarmUpTask task = Tasks.CreateDirectTask(scene, question, 3);
        Assert.Equal($@"\boxed{{ {question.AnswerText(scene)} }}.", task.ResponseText);
        Assert.EndsWith(question.Text, task.UserText);
    }

    [Fact]
    public void Tasks_depend_on_seed_index_and_scene_alone()
    {
        Scene scene = World.CreateScene(1);
        string Text(ulong seed, long index)
        {
            WarmUpTask task = new WarmUpTasks(seed).CreateImageTask(scene, index);
            return task.UserText + "|" + task.ResponseText;
        }

        Assert.Equal(Text(1, 5), Text(1, 5));
        Assert.InRange(Enumerable.Range(0, 200).Select(index => Text(1, index)).Distinct().Count(), 100, 200);
        Assert.NotEqual(Enumerable.Range(0, 20).Select(index => Text(1, index)), Enumerable.Range(0, 20).Select(index => Text(2, index)));
        Assert.NotEqual(Tasks.CreateTextTask(1).UserText, Tasks.CreateTextTask(2).UserText);
    }

    [Fact]
    public void A_caption_is_replayed_as_it_was_said()
    {
        WarmUpTask task = Tasks.CreateCaptionReplay(World.CreateScene(1), "northwest big nothing.", 7);
        Assert.Equal("northwest big nothing.", task.ResponseText);
        Assert.EndsWith("describe the image.", task.UserText);
        Assert.True(task.EndsTurn);
    }
}
