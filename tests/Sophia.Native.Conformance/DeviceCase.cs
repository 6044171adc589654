using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>The arguments of a case in the memory of one backend.</summary>
internal sealed class DeviceCase : IDisposable
{
    private readonly Backend _backend;
    private readonly CaseInstance _instance;
    private readonly Dictionary<Argument, GuardedArgument> _guarded = [];
    private readonly Dictionary<Argument, Argument> _aliases = [];
    private readonly string _context;

    public DeviceCase(Backend backend, CaseInstance instance, string name, Layout layout = Layout.Contiguous, Poison poison = Poison.NotANumber, bool endsExactly = false)
    {
        _backend = backend;
        _instance = instance;
        _context = $"seed {ConformanceSeed.Value}, {name}, {layout}, {backend.Description}";
        foreach (var argument in instance.Arguments)
            _guarded.Add(argument, new(backend, argument, layout, poison, endsExactly));
    }

    public DeviceView View(Argument? argument) => argument is null ? default : Guarded(argument).View;

    /// <summary>From now on the output lies where the input lies.</summary>
    public void Alias(Argument output, Argument input) => _aliases[output] = input;

    public void Call()
    {
        _instance.Invoke(_backend, View);
        _backend.Synchronize();
    }

    /// <summary>Calls the operation on the items [first, first + count) of the batch alone.</summary>
    public void CallItems(int first, int count) =>
        _instance.Invoke(_backend, argument => argument is null ? default : Guarded(argument).Items(first, count));

    public void CheckSentinels()
    {
        foreach (var (argument, guarded) in _guarded)
            guarded.CheckSentinels(_context, mayBeWritten: _aliases.ContainsValue(argument));
    }

    /// <summary>Compares every output with what the reference expects.</summary>
    public void CheckValues(int calls = 1)
    {
        foreach (var argument in _instance.Arguments)
        {
            if (argument.Role is ArgumentRole.Input or ArgumentRole.Workspace)
                continue;
            var found = Guarded(argument).DownloadValues();
            for (var i = 0; i < found.Length; i++)
            {
                var expected = argument.Expected[i];
                var tolerance = argument.Tolerance(i, calls);
                var equal = expected.Equals(found[i]) || Math.Abs(found[i] - expected) <= tolerance;
                if (!equal)
                {
                    Assert.Fail($"{_context}: {argument.Name}[{i / argument.Columns}, {i % argument.Columns}]: expected {expected:R}, found {found[i]:R}, "
                        + $"off by {Math.Abs(found[i] - expected):E2}, allowed {tolerance:E2} ({argument.Source}).");
                }
            }
        }
    }

    /// <summary>The bytes of everything that is written, workspaces aside.</summary>
    public Dictionary<string, byte[]> DownloadWritten(bool accumulated = true)
    {
        var written = new Dictionary<string, byte[]>();
        foreach (var argument in _instance.Arguments)
        {
            if (argument.Role is ArgumentRole.Output or ArgumentRole.Updated || (accumulated && argument.Role == ArgumentRole.Accumulated))
                written.Add(argument.Name, Guarded(argument).DownloadElements());
        }
        return written;
    }

    public void CheckSameBits(Dictionary<string, byte[]> expected, string than)
    {
        foreach (var argument in _instance.Arguments)
        {
            if (!expected.TryGetValue(argument.Name, out var bits))
                continue;
            var found = Guarded(argument).DownloadElements();
            var at = bits.AsSpan().CommonPrefixLength(found);
            if (at == bits.Length)
                continue;
            var index = at / argument.Type.Size();
            Assert.Fail($"{_context}: {argument.Name}[{index / argument.Columns}, {index % argument.Columns}] has other bits than {than}: "
                + $"{GuardedArgument.ToValues(bits, argument.Type)[index]:R} there, {GuardedArgument.ToValues(found, argument.Type)[index]:R} here.");
        }
    }

    public void Dispose()
    {
        _backend.Synchronize();
        foreach (var guarded in _guarded.Values)
            guarded.Dispose();
    }

    private GuardedArgument Guarded(Argument argument) => _guarded[_aliases.GetValueOrDefault(argument, argument)];
}
