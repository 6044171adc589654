using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>
/// Answers from a file that was written elsewhere: JSON lines <c>{"id","caption_index"?,"trajectory_index"?,"response","truncated"?}</c>,
/// so that a file of trajectories can be replayed as it is.
/// </summary>
public sealed class ReplayReasoner : IReasoner
{
    private readonly string _path;
    private readonly bool _cycle;
    private readonly Dictionary<(string Id, int Caption, int Answer), ReasoningAnswer> _byKey = [];
    private readonly Dictionary<string, List<ReasoningAnswer>> _byId = [];

    /// <summary>Reads a file of answers.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cycle">False: an answer belongs to its id, caption_index and trajectory_index, each of which stands once. True: the answers of an id
    /// are taken in turn, in the order of the file, whatever their indices.</param>
    /// <exception cref="InvalidDataException">A line is no answer, or a key stands twice.</exception>
    public ReplayReasoner(string path, bool cycle = false)
    {
        _path = path;
        _cycle = cycle;
        foreach (JsonLine line in JsonLines.Read(path))
        {
            RecordFields fields = new(line);
            string id = fields.TextOrNumber("id", out _) ?? throw line.Error("a field \"id\"", "none");
            ReasoningAnswer answer = new(fields.RequiredText("response"), fields.Truth("truncated") ?? false);
            if (cycle)
            {
                if (!_byId.TryGetValue(id, out List<ReasoningAnswer>? answers)) _byId.Add(id, answers = []);
                answers.Add(answer);
                continue;
            }

            var key = (id, fields.Integer("caption_index", 0) ?? 0, fields.Integer("trajectory_index", 0) ?? 0);
            if (!_byKey.TryAdd(key, answer)) throw line.Error("one answer for every key", $"a second one for {Describe(key)}");
        }
    }

    /// <inheritdoc/>
    public int Concurrency => 1;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The file has no answer for the request; the message names the key.</exception>
    public Task<ReasoningAnswer> Reason(ReasoningRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellation.ThrowIfCancellationRequested();
        if (_cycle)
        {
            if (!_byId.TryGetValue(request.Id, out List<ReasoningAnswer>? answers))
                throw new InvalidDataException($"{_path}: expected an answer for id \"{request.Id}\", found none");
            long turn = (long)request.CaptionIndex * request.AnswersPerCaption + request.AnswerIndex;
            return Task.FromResult(answers[(int)(turn % answers.Count)]);
        }

        var key = (request.Id, request.CaptionIndex, request.AnswerIndex);
        return _byKey.TryGetValue(key, out ReasoningAnswer? found)
            ? Task.FromResult(found)
            : throw new InvalidDataException($"{_path}: expected an answer for {Describe(key)}, found none (cycling takes the answers of an id in turn)");
    }

    private static string Describe((string Id, int Caption, int Answer) key) =>
        $"id \"{key.Id}\", caption_index {key.Caption}, trajectory_index {key.Answer}";
}
