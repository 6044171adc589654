using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Tests.Pipeline;

public sealed class RolloutStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Store => _folder.File("store");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_appended_is_there_after_reopening()
    {
        using (RolloutStore store = RolloutStore.Create(Store, Questions(2))) Fill(store);
        using RolloutStore again = RolloutStore.Open(Store);
        Assert.Equal(["0", "1"], again.Questions.Select(question => question.Id));
        Assert.Equal(new StoredCaption(1, 1, "caption\n\"1\" ü", true), again.ReadCaption(1, 1));
        Assert.Equal(new StoredAnswer(0, 1, 0, "answer \\boxed{1}", false), again.ReadAnswer(0, 1, 0));
        Assert.False(again.HasCaption(0, 2));
        Assert.False(again.HasAnswer(0, 1, 1));
        again.AppendAnswers([new StoredAnswer(0, 1, 1, new string('x', 10_000))]);
        Assert.Equal(10_000, again.ReadAnswer(0, 1, 1).Text.Length);
    }

    [Fact]
    public void Image_paths_lead_to_the_same_files_from_the_store()
    {
        _folder.Write("data/images/1.png", "");
        List<QuestionRecord> questions = [.. RecordReader.ReadQuestions(_folder.Write("data/q.jsonl", """{"id":"1","question":"q","answer":"5","image":"images/1.png"}"""))];
        using RolloutStore store = RolloutStore.Create(Store, questions);
        Assert.Equal([_folder.File("data/images/1.png")], store.Questions[0].ImagePaths());
    }

    [Theory]
    [InlineData("captions.jsonl")]
    [InlineData("answers.jsonl")]
    public void Cut_at_any_byte_it_opens_with_every_whole_record_and_goes_on(string file)
    {
        using (RolloutStore store = RolloutStore.Create(Store, Questions(2))) Fill(store);
        if (file == "captions.jsonl") File.Delete(Path.Combine(Store, "answers.jsonl"));
        string path = Path.Combine(Store, file);
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            int wholeLines = whole.AsSpan(0, length).Count((byte)'\n');
            using (RolloutStore reader = RolloutStore.OpenForReading(Store)) Assert.Equal(wholeLines, Count(reader, file));
            Assert.Equal(length, new FileInfo(path).Length);
            using (RolloutStore writer = RolloutStore.Open(Store))
            {
                Assert.Equal(wholeLines, Count(writer, file));
                if (file == "captions.jsonl") FillCaptions(writer);
                else FillAnswers(writer);
            }

            Assert.Equal(whole, File.ReadAllBytes(path));
        }
    }

    [Theory]
    [InlineData("captions.jsonl", "{\"id\":\"0\",\"caption_index\":0,\"caption\":\"c\"}\ngarbage\n", "captions.jsonl:2: expected one JSON object")]
    [InlineData("captions.jsonl", "\n", "captions.jsonl:1: expected one JSON object")]
    [InlineData("captions.jsonl", "{\"id\":\"9\",\"caption_index\":0,\"caption\":\"c\"}\n", "captions.jsonl:1: expected an id of questions.jsonl, found \"9\"")]
    [InlineData("captions.jsonl", "{\"id\":\"0\",\"caption_index\":99999999,\"caption\":\"c\"}\n", "captions.jsonl:1: expected \"caption_index\" below 65536")]
    [InlineData("captions.jsonl", "{\"id\":\"0\",\"caption_index\":0}\n", "captions.jsonl:1: expected a field \"caption\"")]
    [InlineData("captions.jsonl", "{\"id\":\"0\",\"caption_index\":0,\"caption\":\"c\"}\n{\"id\":\"0\",\"caption_index\":0,\"caption\":\"c\"}\n", "captions.jsonl:2: expected every caption once")]
    [InlineData("answers.jsonl", "{\"id\":\"0\",\"caption_index\":0,\"trajectory_index\":0,\"response\":\"r\"}\n", "answers.jsonl:1: expected an answer to a caption of captions.jsonl")]
    [InlineData("questions.jsonl", "{\"id\":\"0\",\"question\":\"other\"}\n", "questions.jsonl: expected the questions the store was begun with")]
    [InlineData("manifest.json", "{}", "manifest.json: expected the manifest of a rollout store")]
    [InlineData("manifest.json", "{\"format\":\"x\",\"version\":1}", "manifest.json: expected format sophia-rollout version 1, found x")]
    public void Anything_else_that_is_broken_is_named_and_left_alone(string file, string text, string message)
    {
        RolloutStore.Create(Store, Questions(2)).Dispose();
        File.WriteAllText(Path.Combine(Store, file), text);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => RolloutStore.Open(Store)).Message);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => RolloutStore.OpenForReading(Store)).Message);
        Assert.Equal(text, File.ReadAllText(Path.Combine(Store, file)));
    }

    [Fact]
    public void Only_one_writes_and_the_others_are_told()
    {
        using RolloutStore store = RolloutStore.Create(Store, Questions(1));
        string message = Assert.Throws<IOException>(() => RolloutStore.Open(Store)).Message;
        Assert.Contains($"expected to be the only writer of the store, found process {Environment.ProcessId} writing to it", message);
        using RolloutStore reader = RolloutStore.OpenForReading(Store);
        Assert.Throws<InvalidOperationException>(() => reader.AppendCaptions([new StoredCaption(0, 0, "c")]));
    }

    [Fact]
    public void Options_of_a_stage_cannot_change()
    {
        using (RolloutStore store = RolloutStore.Create(Store, Questions(1))) store.Settle("caption", new Dictionary<string, string> { ["captions"] = "8", ["model"] = "m" });
        using RolloutStore again = RolloutStore.Open(Store);
        again.Settle("caption", new Dictionary<string, string> { ["model"] = "m", ["captions"] = "8" });
        string message = Assert.Throws<InvalidDataException>(() => again.Settle("caption", new Dictionary<string, string> { ["captions"] = "4", ["model"] = "m" })).Message;
        Assert.Contains("expected captions = 8, with which stage \"caption\" was begun, found 4", message);
        Assert.Equal("8", again.OptionsOf("caption")!["captions"]);
        Assert.Null(again.OptionsOf("reason"));
    }

    [Fact]
    public void A_changed_option_in_the_manifest_is_noticed()
    {
        using (RolloutStore store = RolloutStore.Create(Store, Questions(1))) store.Settle("caption", new Dictionary<string, string> { ["captions"] = "8" });
        string path = Path.Combine(Store, "manifest.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"8\"", "\"9\""));
        Assert.Contains("changed by hand", Assert.Throws<InvalidDataException>(() => RolloutStore.Open(Store)).Message);
    }

    [Fact]
    public void Questions_without_ids_of_their_own_and_folders_in_use_are_refused()
    {
        Assert.Contains("an id of its own", Assert.Throws<InvalidDataException>(() => RolloutStore.Create(Store, [.. Questions(1), .. Questions(1)])).Message);
        Assert.Contains("at least one question", Assert.Throws<InvalidDataException>(() => RolloutStore.Create(Store, [])).Message);
        _folder.Write("other/file.txt", "");
        Assert.Contains("expected an empty folder for a new store, found file.txt", Assert.Throws<IOException>(() => RolloutStore.Create(_folder.File("other"), Questions(1))).Message);
        Assert.Contains("expected a rollout store", Assert.Throws<InvalidDataException>(() => RolloutStore.Open(_folder.File("other"))).Message);
    }

    [Fact]
    public void What_is_there_or_hangs_in_the_air_is_not_appended()
    {
        using RolloutStore store = RolloutStore.Create(Store, Questions(1));
        store.AppendCaptions([new StoredCaption(0, 0, "c")]);
        Assert.Throws<ArgumentException>(() => store.AppendCaptions([new StoredCaption(0, 0, "c")]));
        Assert.Throws<ArgumentException>(() => store.AppendCaptions([new StoredCaption(0, 1, "c"), new StoredCaption(0, 1, "d")]));
        Assert.Throws<ArgumentException>(() => store.AppendCaptions([new StoredCaption(1, 0, "c")]));
        Assert.Throws<ArgumentException>(() => store.AppendAnswers([new StoredAnswer(0, 1, 0, "a")]));
        Assert.False(store.HasCaption(0, 1));
    }

    [Fact]
    public void A_writer_killed_in_the_middle_loses_nothing_that_was_confirmed()
    {
        using (RolloutStore store = RolloutStore.Create(Store, Questions(3)))
        {
            for (int question = 0; question < 3; question++)
                store.AppendCaptions([.. Enumerable.Range(0, StoreWriterProcess.Captions).Select(k => new StoredCaption(question, k, "c"))]);
        }

        int confirmed = -1;
        for (int round = 0; round < 3; round++)
        {
            using (Process child = StoreWriterProcess.Start(Store))
            {
                try
                {
                    int wanted = confirmed + 5 + round;
                    while (confirmed < wanted)
                    {
                        string line = child.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The child ended by itself.");
                        confirmed = int.Parse(line, CultureInfo.InvariantCulture);
                    }

                    Assert.Contains($"process {child.Id}", Assert.Throws<IOException>(() => RolloutStore.Open(Store)).Message);
                }
                finally
                {
                    child.Kill();
                    child.WaitForExit();
                }
            }

            using RolloutStore store = RolloutStore.Open(Store);
            for (int answer = 0; answer <= confirmed; answer++)
            {
                for (int question = 0; question < 3; question++)
                {
                    for (int caption = 0; caption < StoreWriterProcess.Captions; caption++)
                        Assert.Equal(StoreWriterProcess.TextOf(question, caption, answer), store.ReadAnswer(question, caption, answer).Text);
                }
            }
        }
    }

    private static List<QuestionRecord> Questions(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new QuestionRecord { Id = $"{i}", Question = $"question {i}", Answer = $"{i}" })];

    private static void Fill(RolloutStore store)
    {
        FillCaptions(store);
        FillAnswers(store);
    }

    private static void FillCaptions(RolloutStore store) => store.AppendCaptions(
    [
        .. Pairs.Where(pair => !store.HasCaption(pair.Question, pair.Caption))
            .Select(pair => new StoredCaption(pair.Question, pair.Caption, $"caption\n\"{pair.Caption}\" ü", pair.Caption == 1)),
    ]);

    private static void FillAnswers(RolloutStore store) => store.AppendAnswers(
    [
        .. Pairs.Where(pair => !store.HasAnswer(pair.Question, pair.Caption, 0))
            .Select(pair => new StoredAnswer(pair.Question, pair.Caption, 0, $"answer \\boxed{{{pair.Caption}}}")),
    ]);

    private static int Count(RolloutStore store, string file) =>
        Pairs.Count(pair => file == "captions.jsonl" ? store.HasCaption(pair.Question, pair.Caption) : store.HasAnswer(pair.Question, pair.Caption, 0));

    private static readonly (int Question, int Caption)[] Pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
}
