using Sophia.Native.Models.Generation;

namespace Sophia.Native.Benchmarks.Models;

/// <summary>
/// A generation that is stopped behind every token and goes on when it is told to, so that one step of decoding, a token for each of the sequences, can be measured alone. It runs on a thread of its
/// own; the handshake costs some microseconds and no memory.
/// </summary>
internal sealed class SteppedDecoding : IDisposable
{
    private readonly AutoResetEvent _mayGoOn = new(false);
    private readonly AutoResetEvent _isDone = new(false);
    private readonly CancellationTokenSource _end = new();
    private readonly Generator _generator;
    private readonly Thread _thread;
    private readonly int _sequences;
    private int _drawn;
    private Exception? _fault;

    /// <summary>Prefills the prompts and draws the first token of each.</summary>
    /// <param name="model">The model, of which the first tokens of the samples are the prompts.</param>
    /// <param name="sequences">B, sequences decoded at once.</param>
    /// <param name="promptTokens">Tokens of each prompt.</param>
    /// <param name="steps">How many steps can be asked for.</param>
    public SteppedDecoding(SyntheticModel model, int sequences, int promptTokens, int steps)
    {
        _sequences = sequences;
        var requests = Array.ConvertAll(model.Samples[..sequences], sample => new GenerationRequest { Id = sample.Id, PromptIds = sample.InputIds[..promptTokens] });
        // One token more than is asked for: the end of a sequence, where its result is made, is no part of a step.
        _generator = new(model.Model, GeneratorPlan.For(requests, steps + 2, sequences, sequences * promptTokens)) { TokenDrawn = (_, _, _) => Drawn() };
        _thread = new(() => Run(requests, new() { Sampling = new() { Seed = 1 }, MaximumNewTokens = steps + 2 })) { IsBackground = true };
        _thread.Start();
        Wait();
    }

    /// <summary>Draws one token for every sequence.</summary>
    public void Step()
    {
        _mayGoOn.Set();
        Wait();
    }

    /// <summary>Ends the generation.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _mayGoOn.Set();
        _thread.Join();
        _generator.Dispose();
        _mayGoOn.Dispose();
        _isDone.Dispose();
        _end.Dispose();
    }

    private void Wait()
    {
        _isDone.WaitOne();
        if (_fault is not null)
            throw new InvalidOperationException("Decoding ended early.", _fault);
    }

    private void Drawn()
    {
        if (++_drawn % _sequences != 0)
            return;
        _isDone.Set();
        _mayGoOn.WaitOne();
    }

    private void Run(GenerationRequest[] requests, GenerationOptions options)
    {
        try
        {
            _generator.Generate(requests, options, _end.Token);
            _fault = new InvalidOperationException("More steps were asked for than were planned.");
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (Exception fault)
        {
            _fault = fault;
        }
        _isDone.Set();
    }
}
