using System.Text;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Tests.Records;

public sealed class RecordReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_question_keeps_its_unknown_fields_and_resolves_its_images_beside_the_file()
    {
        _folder.Write("images/1.png", "");
        QuestionRecord question = Assert.IsType<QuestionRecord>(Read(
            """{"id": 7, "question": "Which?\n<image1>", "options": ["red", 2], "answer": "B", "level": 1.50, "image": "images/1.png", "more": {"x": [1e2]}}"""));
        Assert.Equal("7", question.Id);
        Assert.Equal(["red", "2"], question.Options);
        Assert.Equal("B", question.Answer);
        Assert.Equal([_folder.File("images/1.png")], question.ImagePaths());
        Assert.Equal(
            """{"id":7,"image":"images/1.png","question":"Which?\n<image1>","options":["red","2"],"answer":"B","level":1.50,"more":{"x": [1e2]}}""" + "\n",
            Write(question, _folder.Path));
        Assert.Contains("\"image\":\"../images/1.png\"", Write(question, _folder.File("out")));
    }

    [Fact]
    public void A_missing_image_is_named_when_it_is_used()
    {
        QuestionRecord question = (QuestionRecord)Read("""{"question": "q", "image": ["no.png"]}""");
        string message = Assert.Throws<InvalidDataException>(() => question.ImagePaths()).Message;
        Assert.Contains("r.jsonl:1: expected an image file, found nothing at", message);
        Assert.Contains("no.png", message);
    }

    [Fact]
    public void A_trajectory_goes_round_with_every_field()
    {
        string line =
            """{"id":"a","image":"1.png","question":"q","options":[],"answer":"5","system":"s","caption_index":2,"trajectory_index":3,"caption":"c","response":"r","response_ids":[5,6],"behavior_logprobs":[-0.1,-1.1754944E-38],"outcome_reward":1,"caption_reward":0.875,"reward":0,"selected":false,"truncated":true,"temperature":0.7,"note":"n"}""";
        TrajectoryRecord trajectory = Assert.IsType<TrajectoryRecord>(Read(line));
        Assert.Equal(line + "\n", Write(trajectory, _folder.Path));
        Assert.Equal((2, 3, "c", "q"), (trajectory.CaptionIndex, trajectory.TrajectoryIndex, trajectory.Caption, trajectory.Question.Question));
        Assert.Equal([5, 6], trajectory.ResponseIds!);
        Assert.False(trajectory.Selected);
    }

    [Fact]
    public void Fields_of_the_question_that_only_a_trajectory_knows_are_not_written_twice()
    {
        QuestionRecord question = (QuestionRecord)Read("""{"id":"a","question":"q","reward":0.5,"level":2}""");
        string written = Write(new TrajectoryRecord { Id = "a", Question = question, Response = "r", Reward = 1f }, _folder.Path);
        TrajectoryRecord again = Assert.IsType<TrajectoryRecord>(Read(written));
        Assert.Equal(1f, again.Reward);
        Assert.Equal("level", Assert.Single(again.UnknownFields).Key);
    }

    [Fact]
    public void A_question_and_a_response_are_a_training_record_of_weight_one()
    {
        TrajectoryRecord trajectory = Assert.IsType<TrajectoryRecord>(Read("""{"question":"q","response":"r"}"""));
        Assert.Equal((1f, true, "1"), (trajectory.Reward, trajectory.Selected, trajectory.Id));
    }

    [Fact]
    public void A_raw_record_goes_round_and_names_its_tensor_after_the_last_hash()
    {
        _folder.Write("a#b.safetensors", "");
        string line =
            """{"id":"x","input_ids":[1,2,3],"pixel_values":"a#b.safetensors#s0.pixel_values","loss_mask":[0,1,1],"token_weights":[null,1,0.5],"behavior_logprobs":[null,-1.5,-2],"reference_logprobs":[null,-0.25,-3],"reward":1,"selected":true}""";
        RawRecord raw = Assert.IsType<RawRecord>(Read(line));
        Assert.Equal(new TensorReference(_folder.File("a#b.safetensors"), "s0.pixel_values"), raw.PixelValuesReference());
        Assert.Equal([0f, 1f, 0.5f], raw.TokenWeights!);
        Assert.Equal(line + "\n", Write(raw, _folder.Path));
    }

    [Fact]
    public void Nulls_stand_for_nothing_where_nothing_is_trained()
    {
        RawRecord raw = (RawRecord)Read("""{"input_ids":[1,2,3],"loss_mask":[null,0,1],"behavior_logprobs":[null,null,-2]}""");
        Assert.Equal([0f, 0f, -2f], raw.BehaviorLogProbabilities!);
        Assert.Equal([0, 0, 1], raw.LossMask!);
    }

    [Theory]
    [InlineData("""{"id":1}""", "expected a question, a trajectory or a raw record")]
    [InlineData("""{"question":5}""", "expected \"question\" to be a text, found the number 5")]
    [InlineData("""{"question":"q","id":[1]}""", "expected \"id\" to be a text or a number, found an array of 1")]
    [InlineData("""{"question":"q","image":[3.5,{}]}""", "expected \"image\" to be a text or an array of texts, found an object as entry 1")]
    [InlineData("""{"question":"\ud800"}""", "expected \"question\" to be text of whole characters")]
    [InlineData("""{"response":"r"}""", "expected a field \"question\" with a text, found none")]
    [InlineData("""{"question":"q","response":""}""", "expected a response to train on")]
    [InlineData("""{"question":"q","response":"r","caption_index":-1}""", "expected \"caption_index\" to be an integer of at least 0, found the number -1")]
    [InlineData("""{"question":"q","response":"r","reward":1e99}""", "expected \"reward\" to be a finite number")]
    [InlineData("""{"question":"q","response":"r","selected":1}""", "expected \"selected\" to be true or false")]
    [InlineData("""{"question":"q","response":"r","truncated":true}""", "expected \"selected\": false for a truncated answer")]
    [InlineData("""{"question":"q","response":"r","response_ids":[1],"behavior_logprobs":[-1,-2]}""", "one entry of \"behavior_logprobs\" for each of the 1 response_ids, found 2")]
    [InlineData("""{"input_ids":[]}""", "\"input_ids\" of at least one token")]
    [InlineData("""{"input_ids":[1,-2]}""", "expected \"input_ids\" to be integers of at least 0, found the number -2 as entry 1")]
    [InlineData("""{"input_ids":[1,99999999999]}""", "found the number 99999999999 as entry 1")]
    [InlineData("""{"input_ids":[1,2],"loss_mask":[0]}""", "one entry of \"loss_mask\" for each of the 2 input_ids, found 1")]
    [InlineData("""{"input_ids":[1,2],"loss_mask":[0,2]}""", "integers from 0 to 1, found the number 2 as entry 1")]
    [InlineData("""{"input_ids":[1,2],"loss_mask":[1,1]}""", "0 for the first token")]
    [InlineData("""{"input_ids":[1,2],"behavior_logprobs":[null,null]}""", "finite numbers, found null as entry 1")]
    [InlineData("""{"input_ids":[1,2],"temperature":0}""", "\"temperature\" above 0")]
    public void Wrong_records_are_named_with_file_and_line(string line, string message)
    {
        string error = Assert.Throws<InvalidDataException>(() => Read(line)).Message;
        Assert.StartsWith(_folder.File("r.jsonl") + ":1: expected ", error);
        Assert.Contains(message, error);
    }

    [Theory]
    [InlineData("x.safetensors")]
    [InlineData("#name")]
    [InlineData("x.safetensors#")]
    public void A_tensor_reference_without_file_or_name_is_named(string reference)
    {
        RawRecord raw = (RawRecord)Read($$"""{"input_ids":[1],"pixel_values":"{{reference}}"}""");
        Assert.Contains("of the form", Assert.Throws<InvalidDataException>(() => raw.PixelValuesReference()).Message);
    }

    [Fact]
    public void Every_mathvision_question_reads_with_its_image_and_answer_and_writes_back()
    {
        string path = TestData.Data("mathvision-testmini/testmini.jsonl");
        List<QuestionRecord> questions = [.. RecordReader.ReadQuestions(path)];
        Assert.Equal(304, questions.Count);
        foreach (QuestionRecord question in questions)
        {
            Assert.Single(question.ImagePaths());
            Assert.False(string.IsNullOrEmpty(question.Answer));
            Assert.Equal(["solution", "level", "subject"], question.UnknownFields.Select(field => field.Key));
            if (question.Options.Count > 0) Assert.InRange(question.Answer![0] - 'A', 0, question.Options.Count - 1);
        }

        string copy = _folder.File("copy.jsonl");
        AtomicFile.WriteRecords(copy, questions);
        QuestionRecord last = RecordReader.ReadQuestions(copy).Last();
        Assert.Equal(questions[^1].ImagePaths(), last.ImagePaths());
        Assert.Equal(questions[^1].Question, last.Question);
    }

    private DataRecord Read(string line) => RecordReader.Read(_folder.Write("r.jsonl", line)).Single();

    private static string Write(DataRecord record, string folder)
    {
        using MemoryStream stream = new();
        using (JsonLinesWriter writer = new(stream)) writer.Write(record, folder);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
