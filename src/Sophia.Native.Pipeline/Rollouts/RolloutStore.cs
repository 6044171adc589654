using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>
/// A folder that holds a round while it is made: <c>manifest.json</c>, <c>questions.jsonl</c> (a copy), <c>captions.jsonl</c> and <c>answers.jsonl</c>.
/// The last two only grow; a batch is on the disk when its append returns, and after a kill at any byte the store opens with every whole record
/// of it. It knows which captions and answers it has, so that a stage goes on where it stopped. One process writes at a time, any may read.
/// </summary>
/// <remarks>Texts stay on the disk: the memory held is eight bytes for a caption or an answer. Not for concurrent calls.</remarks>
public sealed class RolloutStore : IDisposable
{
    private readonly string _manifestPath;
    private readonly RolloutManifest _manifest;
    private readonly FolderLock? _lock;
    private readonly AppendOnlyLog? _captions;
    private readonly AppendOnlyLog? _answers;
    private readonly QuestionRecord[] _questions;
    private readonly RolloutLines _lines;
    // Offsets by question and k, and by question, k and n; -1 where there is none yet.
    private readonly long[][] _captionOffsets;
    private readonly long[][][] _answerOffsets;

    private RolloutStore(string folder, RolloutManifest manifest, FolderLock? writer)
    {
        Folder = Path.GetFullPath(folder);
        _manifestPath = Path.Combine(Folder, "manifest.json");
        _manifest = manifest;
        _lock = writer;
        _questions = [.. RecordReader.ReadQuestions(QuestionsPath(Folder))];
        _lines = new RolloutLines(_questions);
        _captionOffsets = new long[_questions.Length][];
        _answerOffsets = new long[_questions.Length][][];
        Array.Fill(_captionOffsets, []);
        Array.Fill(_answerOffsets, []);
        try
        {
            // Captions first: an answer without its caption is an error.
            _captions = OpenLog("captions.jsonl", (line, offset) => Index(_lines.ParseCaption(line), line, offset));
            _answers = OpenLog("answers.jsonl", (line, offset) => Index(_lines.ParseAnswer(line), line, offset));
            if (writer is not null) AtomicFile.FlushFolder(Folder);
        }
        catch
        {
            _captions?.Dispose();
            throw;
        }
    }

    /// <summary>The absolute folder.</summary>
    public string Folder { get; }

    /// <summary>The questions, with image paths relative to the store.</summary>
    public IReadOnlyList<QuestionRecord> Questions => _questions;

    /// <summary>Whether there is a store in a folder.</summary>
    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, "manifest.json"));

    /// <summary>Begins a store with a copy of the questions, for writing.</summary>
    /// <param name="folder">A folder that does not exist or is empty.</param>
    /// <param name="questions">The questions; their ids are the keys and must differ.</param>
    /// <exception cref="InvalidDataException">There are no questions, or two have one id.</exception>
    /// <exception cref="IOException">The folder is not empty, or another process writes to it.</exception>
    public static RolloutStore Create(string folder, IReadOnlyList<QuestionRecord> questions)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(questions);
        CheckIds(questions);
        Directory.CreateDirectory(folder);
        // Before the lock too, so that a folder of something else stays as it was.
        CheckEmpty(folder);
        FolderLock writer = new(folder, "the store");
        try
        {
            CheckEmpty(folder);
            AtomicFile.WriteRecords(QuestionsPath(folder), questions);
            RolloutManifest manifest = RolloutManifest.New(QuestionsPath(folder));
            manifest.Write(Path.Combine(folder, "manifest.json"));
            return new RolloutStore(folder, manifest, writer);
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Opens a store for writing; a torn last line is cut off.</summary>
    /// <exception cref="InvalidDataException">There is no store, or a file of it is broken elsewhere than at its end; the message names file and line.</exception>
    /// <exception cref="IOException">Another process writes to it.</exception>
    public static RolloutStore Open(string folder)
    {
        RequireStore(folder);
        FolderLock writer = new(folder, "the store");
        try
        {
            foreach (string leftover in Directory.EnumerateFiles(folder, ".*.tmp")) File.Delete(leftover);
            return new RolloutStore(folder, ReadManifest(folder), writer);
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Opens a store for reading, beside a writer or not; a torn last line is left out.</summary>
    /// <exception cref="InvalidDataException">As for <see cref="Open"/>.</exception>
    public static RolloutStore OpenForReading(string folder)
    {
        RequireStore(folder);
        return new RolloutStore(folder, ReadManifest(folder), null);
    }

    /// <summary>
    /// Settles the options of a stage: the first time they are written into the manifest, afterwards they must be the same, since a stage that
    /// goes on under other options would mix two rounds.
    /// </summary>
    /// <exception cref="InvalidDataException">They differ; the message names the option, both values and the folder.</exception>
    public void Settle(string stage, IReadOnlyDictionary<string, string> options)
    {
        ArgumentException.ThrowIfNullOrEmpty(stage);
        ArgumentNullException.ThrowIfNull(options);
        if (_manifest.Stages.TryGetValue(stage, out SortedDictionary<string, string>? settled))
        {
            foreach (string name in settled.Keys.Union(options.Keys, StringComparer.Ordinal))
            {
                string before = settled.GetValueOrDefault(name, "none"), now = options.TryGetValue(name, out string? value) ? value : "none";
                if (before != now)
                    throw new InvalidDataException($"{_manifestPath}: expected {name} = {before}, with which stage \"{stage}\" was begun, found {now}; go on with the former value or use another folder");
            }

            return;
        }

        RequireWriter();
        _manifest.Stages[stage] = new SortedDictionary<string, string>(options.ToDictionary(), StringComparer.Ordinal);
        _manifest.Write(_manifestPath);
    }

    /// <summary>The options a stage was begun with, or null.</summary>
    public IReadOnlyDictionary<string, string>? OptionsOf(string stage) => _manifest.Stages.GetValueOrDefault(stage);

    /// <summary>Whether caption k of a question is there.</summary>
    public bool HasCaption(int question, int captionIndex) => OffsetOf(_captionOffsets[question], captionIndex) >= 0;

    /// <summary>Whether answer n to caption k of a question is there.</summary>
    public bool HasAnswer(int question, int captionIndex, int answerIndex) =>
        captionIndex < _answerOffsets[question].Length && OffsetOf(_answerOffsets[question][captionIndex], answerIndex) >= 0;

    /// <summary>Reads a caption.</summary>
    /// <exception cref="ArgumentException">It is not there.</exception>
    public StoredCaption ReadCaption(int question, int captionIndex)
    {
        if (!HasCaption(question, captionIndex)) throw new ArgumentException($"There is no caption {captionIndex} of question {question}.");
        return _lines.ParseCaption(_captions!.Read(_captionOffsets[question][captionIndex]));
    }

    /// <summary>Reads an answer.</summary>
    /// <exception cref="ArgumentException">It is not there.</exception>
    public StoredAnswer ReadAnswer(int question, int captionIndex, int answerIndex)
    {
        if (!HasAnswer(question, captionIndex, answerIndex))
            throw new ArgumentException($"There is no answer {answerIndex} to caption {captionIndex} of question {question}.");
        return _lines.ParseAnswer(_answers!.Read(_answerOffsets[question][captionIndex][answerIndex]));
    }

    /// <summary>Appends captions; they are on the disk when it returns, all or none.</summary>
    /// <exception cref="ArgumentException">One is there already, or belongs to no question.</exception>
    public void AppendCaptions(IReadOnlyList<StoredCaption> captions)
    {
        ArgumentNullException.ThrowIfNull(captions);
        RequireWriter();
        HashSet<(int, int)> batch = [];
        foreach (StoredCaption caption in captions)
        {
            CheckIndices(caption.Question, caption.CaptionIndex, 0);
            if (HasCaption(caption.Question, caption.CaptionIndex) || !batch.Add((caption.Question, caption.CaptionIndex)))
                throw new ArgumentException($"Caption {caption.CaptionIndex} of question {caption.Question} is there already.", nameof(captions));
        }

        Append(_captions!, captions, _lines.Write, (caption, offset) => Set(ref _captionOffsets[caption.Question], caption.CaptionIndex, offset));
    }

    /// <summary>Appends answers; they are on the disk when it returns, all or none.</summary>
    /// <exception cref="ArgumentException">One is there already, or its caption is not.</exception>
    public void AppendAnswers(IReadOnlyList<StoredAnswer> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        RequireWriter();
        HashSet<(int, int, int)> batch = [];
        foreach (StoredAnswer answer in answers)
        {
            CheckIndices(answer.Question, answer.CaptionIndex, answer.AnswerIndex);
            if (!HasCaption(answer.Question, answer.CaptionIndex))
                throw new ArgumentException($"There is no caption {answer.CaptionIndex} of question {answer.Question} for its answer.", nameof(answers));
            if (HasAnswer(answer.Question, answer.CaptionIndex, answer.AnswerIndex) || !batch.Add((answer.Question, answer.CaptionIndex, answer.AnswerIndex)))
                throw new ArgumentException($"Answer {answer.AnswerIndex} to caption {answer.CaptionIndex} of question {answer.Question} is there already.", nameof(answers));
        }

        Append(_answers!, answers, _lines.Write, SetAnswer);
    }

    /// <summary>Closes the files and lets other writers in.</summary>
    public void Dispose()
    {
        _captions?.Dispose();
        _answers?.Dispose();
        _lock?.Dispose();
    }

    private static string QuestionsPath(string folder) => Path.Combine(folder, "questions.jsonl");

    private static RolloutManifest ReadManifest(string folder) => RolloutManifest.Read(Path.Combine(folder, "manifest.json"), QuestionsPath(folder));

    private static void RequireStore(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Exists(folder)) throw new InvalidDataException($"{folder}: expected a rollout store, found no manifest.json there");
    }

    private void RequireWriter()
    {
        if (_lock is null) throw new InvalidOperationException("The store was opened for reading.");
    }

    private static void CheckEmpty(string folder)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(folder))
        {
            // What an attempt leaves that was killed before its manifest stood.
            string name = Path.GetFileName(entry);
            if (!FolderLock.IsLockFile(name) && name != "questions.jsonl" && !name.EndsWith(".tmp", StringComparison.Ordinal))
                throw new IOException($"{folder}: expected an empty folder for a new store, found {name} in it");
        }
    }

    private static void CheckIds(IReadOnlyList<QuestionRecord> questions)
    {
        if (questions.Count == 0) throw new InvalidDataException("expected at least one question, found none");
        Dictionary<string, QuestionRecord> byId = [];
        foreach (QuestionRecord question in questions)
        {
            if (!byId.TryAdd(question.Id, question))
                throw question.Error("an id of its own for every question", $"\"{question.Id}\", which {byId[question.Id].Location} has too");
        }
    }

    private AppendOnlyLog? OpenLog(string name, Action<JsonLine, long> visit)
    {
        string path = Path.Combine(Folder, name);
        return _lock is null && !File.Exists(path) ? null : new AppendOnlyLog(path, _lock is not null, visit);
    }

    private static void Append<T>(AppendOnlyLog log, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write, Action<T, long> index)
    {
        if (items.Count == 0) return;
        using MemoryStream bytes = new();
        long[] offsets = new long[items.Count];
        using (JsonLinesWriter lines = new(bytes))
        {
            for (int i = 0; i < items.Count; i++)
            {
                offsets[i] = bytes.Length;
                T item = items[i];
                lines.Write(json => write(json, item));
            }
        }

        long begin = log.Append(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
        for (int i = 0; i < items.Count; i++) index(items[i], begin + offsets[i]);
    }

    private void Index(StoredCaption caption, JsonLine line, long offset)
    {
        if (HasCaption(caption.Question, caption.CaptionIndex)) throw line.Error("every caption once", "one that stood before");
        Set(ref _captionOffsets[caption.Question], caption.CaptionIndex, offset);
    }

    private void Index(StoredAnswer answer, JsonLine line, long offset)
    {
        if (!HasCaption(answer.Question, answer.CaptionIndex)) throw line.Error("an answer to a caption of captions.jsonl", $"one to caption {answer.CaptionIndex}, which is not there");
        if (HasAnswer(answer.Question, answer.CaptionIndex, answer.AnswerIndex)) throw line.Error("every answer once", "one that stood before");
        SetAnswer(answer, offset);
    }

    private void SetAnswer(StoredAnswer answer, long offset)
    {
        ref long[][] ofQuestion = ref _answerOffsets[answer.Question];
        int former = ofQuestion.Length;
        if (former <= answer.CaptionIndex)
        {
            Array.Resize(ref ofQuestion, answer.CaptionIndex + 1);
            Array.Fill(ofQuestion, [], former, ofQuestion.Length - former);
        }

        Set(ref ofQuestion[answer.CaptionIndex], answer.AnswerIndex, offset);
    }

    private void CheckIndices(int question, int captionIndex, int answerIndex)
    {
        if ((uint)question >= (uint)_questions.Length) throw new ArgumentException($"Expected a question below {_questions.Length}, found {question}.");
        if ((uint)captionIndex >= RolloutLines.MostOfOneQuestion || (uint)answerIndex >= RolloutLines.MostOfOneQuestion)
            throw new ArgumentException($"Expected indices from 0 to {RolloutLines.MostOfOneQuestion - 1}, found {captionIndex} and {answerIndex}.");
    }

    private static long OffsetOf(long[] offsets, int index) => (uint)index < (uint)offsets.Length ? offsets[index] : -1;

    private static void Set(ref long[] offsets, int index, long offset)
    {
        int former = offsets.Length;
        if (former <= index)
        {
            Array.Resize(ref offsets, index + 1);
            Array.Fill(offsets, -1, former, offsets.Length - former);
        }

        offsets[index] = offset;
    }
}
