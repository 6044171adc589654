using Sophia.Native.Data.Tokenization;
using Sophia.Native.Pipeline.Quickstart;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class QuickstartTokenizerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quickstart-tokenizer-").FullName;
    private readonly FileTokenizer _tokenizer;

    public QuickstartTokenizerTests()
    {
        QuickstartTokenizer.Write(_folder);
        _tokenizer = new FileTokenizer(_folder);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Every_piece_of_the_world_is_one_token_and_no_two_share_one()
    {
        var ids = new HashSet<int>();
        foreach (string piece in QuickstartTokenizer.Pieces)
        {
            List<int> encoded = _tokenizer.Encode(piece);
            Assert.True(encoded.Count == 1, $"'{piece}' is {encoded.Count} tokens");
            ids.Add(encoded[0]);
        }

        Assert.Equal(QuickstartTokenizer.Pieces.Distinct().Count(), ids.Count);
    }

    [Fact]
    public void Texts_of_the_world_are_made_of_its_pieces_alone()
    {
        HashSet<int> pieces = [.. QuickstartTokenizer.Pieces.Select(piece => Assert.Single(_tokenizer.Encode(piece)))];
        var tasks = new WarmUpTasks(3);
        var reasoner = new WorldReasoner(3);
        var world = new World(3);
        for (int index = 0; index < 300; index++)
        {
            Scene scene = world.CreateScene(index);
            PriceQuestion question = world.CreateQuestion(index);
            List<string> texts = [reasoner.Reason(WorldLanguage.Caption(scene.Objects), question.Text, "q", index, 0)];
            foreach (WarmUpTask task in (WarmUpTask[])[tasks.CreateImageTask(scene, index), tasks.CreateDirectTask(scene, question, index), tasks.CreateTextTask(index)])
                texts.AddRange([task.SystemMessage, task.UserText, task.ResponseText]);
            foreach (string text in texts) Assert.All(_tokenizer.Encode(text), id => Assert.Contains(id, pieces));
        }
    }

    [Fact]
    public void The_library_reads_the_files_as_they_were_meant()
    {
        Qwen2Tokenizer library = Qwen2Tokenizer.Load(_folder), created = QuickstartTokenizer.Create();
        Assert.Equal(_tokenizer.Vocabulary.Count + _tokenizer.Added.Count, library.VocabularySize);
        Assert.Equal(library.VocabularySize, created.VocabularySize);
        var tasks = new WarmUpTasks(12);
        for (int index = 0; index < 200; index++)
        {
            string text = $"<|im_start|>system\nplain<|im_end|>\n<img><IMG_CONTEXT></img>\n{tasks.CreateImageTask(new World(12).CreateScene(index), index).ResponseText} {tasks.CreateTextTask(index).ResponseText}<|im_end|>";
            int[] ids = library.Encode(text);
            Assert.Equal(_tokenizer.Encode(text), ids);
            Assert.Equal(ids, created.Encode(text));
            Assert.Equal(text, library.Decode(ids));
        }
    }

    [Fact]
    public void Segments_may_be_tokenized_one_by_one()
    {
        var tasks = new WarmUpTasks(8);
        for (int index = 0; index < 300; index++)
        {
            WarmUpTask task = tasks.CreateImageTask(new World(8).CreateScene(index), index);
            Assert.Equal(_tokenizer.Encode(task.ResponseText), task.Response.SelectMany(segment => _tokenizer.Encode(segment.Text)));
        }
    }

    [Fact]
    public void Terse_traces_are_about_as_short_as_possible()
    {
        var tasks = new WarmUpTasks(5);
        double mean = Enumerable.Range(0, 300).Average(index => _tokenizer.Encode(tasks.CreateTextTask(index).ResponseText).Count);
        Assert.InRange(mean, 40, 52);
    }

    [Fact]
    public void The_files_have_the_format_of_Qwen2()
    {
        Assert.Equal("#version: 0.2", _tokenizer.Header);
        Assert.Equal(Enumerable.Range(0, _tokenizer.Vocabulary.Count), _tokenizer.Vocabulary.Values.Order());
        Assert.Equal(Enumerable.Range(_tokenizer.Vocabulary.Count, 31), _tokenizer.Added.Values.Order());
        Assert.Equal(0, _tokenizer.Vocabulary["!"]);
        Assert.Equal(220, _tokenizer.Vocabulary["Ġ"]); // as in GPT-2 and Qwen2
        Assert.Equal(256, _tokenizer.Vocabulary.Count(pair => pair.Key.Length == 1));
        foreach ((string left, string right) in _tokenizer.Merges)
        {
            Assert.Contains(left, _tokenizer.Vocabulary);
            Assert.Contains(right, _tokenizer.Vocabulary);
            Assert.Contains(left + right, _tokenizer.Vocabulary);
        }

        foreach (string token in (string[])["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"])
            Assert.Contains(token, _tokenizer.Added);
        Assert.InRange(_tokenizer.Vocabulary.Count + _tokenizer.Added.Count, 400, 699);
    }

    [Fact]
    public void Any_text_can_be_encoded_and_writing_twice_gives_the_same_files()
    {
        Assert.NotEmpty(_tokenizer.Encode("Größe 42: 你好, \t\"ok\"?"));
        string again = Directory.CreateDirectory(Path.Combine(_folder, "again")).FullName;
        QuickstartTokenizer.Write(again);
        string[] files = ["added_tokens.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"];
        Assert.Equal(files, Directory.GetFiles(again).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string name in files) Assert.Equal(File.ReadAllBytes(Path.Combine(_folder, name)), File.ReadAllBytes(Path.Combine(again, name)));
    }
}
