using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>
/// What every backend must do with every row of the table (<see cref="CaseTable"/>). A backend's test project derives one class for each path it has, says in which types that path stores
/// (<see cref="StorageTypesAttribute"/>), and hands in the family of its backends.
/// </summary>
/// <param name="family">The backend under test and those that must give the same bits.</param>
public abstract partial class OperationConformance(BackendFamily family)
{
    /// <summary>The backend under test.</summary>
    protected Backend Subject => family.Subject;

    /// <summary>All backends that must give the same bits.</summary>
    protected IReadOnlyList<Backend> Equivalents => family.Equivalents;

    [Theory]
    [CaseData]
    public void The_result_is_that_of_the_reference(string name)
    {
        var instance = Build(name);
        using var device = new DeviceCase(Subject, instance, name);
        Call(device);
        instance.Reference();
        device.CheckSentinels();
        device.CheckValues();
    }

    [Theory]
    [CaseData]
    public void Column_ranges_of_wider_matrices_are_left_and_right_untouched(string name)
    {
        var instance = Build(name);
        using var device = new DeviceCase(Subject, instance, name, Layout.Strided);
        Call(device);
        instance.Reference();
        device.CheckSentinels();
        device.CheckValues();
    }

    [Theory]
    [CaseData(CaseSet.Repeatable)]
    public void Two_calls_add_gradients_twice_and_overwrite_the_rest(string name)
    {
        var instance = Build(name);
        using var device = new DeviceCase(Subject, instance, name, Layout.Contiguous, Poison.Large);
        Call(device);
        device.Call();
        instance.Reference();
        instance.Reference();
        device.CheckSentinels();
        device.CheckValues(calls: 2);
    }

    [Theory]
    [CaseData]
    public void Every_run_and_every_number_of_threads_gives_the_same_bits(string name)
    {
        var instance = Build(name);
        using var first = new DeviceCase(Subject, instance, name);
        Call(first);
        var expected = first.DownloadWritten();
        foreach (var backend in Equivalents)
        {
            using var device = new DeviceCase(backend, instance, name, Layout.Contiguous, Poison.Large);
            Call(device);
            device.CheckSameBits(expected, $"the first run on {Subject.Description}");
        }
    }

    [Theory]
    [CaseData(CaseSet.Batched)]
    public void An_item_gives_the_same_bits_alone_and_in_any_batch(string name)
    {
        var instance = Build(name);
        using var whole = new DeviceCase(Subject, instance, name);
        Call(whole);
        var expected = whole.DownloadWritten(accumulated: false);
        foreach (var size in (ReadOnlySpan<int>)[1, 5, 16])
        {
            if (size >= instance.Items)
                continue;
            using var parts = new DeviceCase(Subject, instance, name, Layout.Contiguous, Poison.Large);
            for (var first = 0; first < instance.Items; first += size)
                parts.CallItems(first, Math.Min(size, instance.Items - first));
            parts.CheckSentinels();
            parts.CheckSameBits(expected, $"the whole batch (items by {size})");
        }
    }

    [Theory]
    [CaseData(CaseSet.Aliased)]
    public void An_output_may_lie_on_the_input_the_contract_names(string name)
    {
        var instance = Build(name);
        using var apart = new DeviceCase(Subject, instance, name);
        Call(apart);
        var expected = apart.DownloadWritten();
        foreach (var (output, input) in instance.Aliases)
        {
            using var together = new DeviceCase(Subject, instance, name);
            together.Alias(output, input);
            Call(together);
            together.CheckSentinels();
            together.CheckSameBits(expected, $"with {output.Name} apart from {input.Name}");
        }
    }

    /// <summary>A case with its inputs; the test is skipped where the family leaves the case out.</summary>
    private CaseInstance Build(string name)
    {
        var entry = CaseTable.Find(name);
        var instance = entry.Build();
        if (family.WhyOmitted(entry.Operation, instance) is { } reason)
            Assert.Skip(reason);
        NeedsRoom(instance.Arguments.Sum(argument => argument.Rows * argument.Columns));
        return instance;
    }

    /// <summary>Skips a test that is not of the table where the family leaves one of its operations out.</summary>
    private void Needs(params ReadOnlySpan<string> operations)
    {
        foreach (var operation in operations)
        {
            if (family.WhyOmitted(operation, null) is { } reason)
                Assert.Skip(reason);
        }
    }

    /// <summary>Skips a test that is too large for the family.</summary>
    private void NeedsRoom(long elements)
    {
        if (elements > family.MostElements)
            Assert.Skip($"{elements} elements; here run cases of at most {family.MostElements}, larger ones run on another device.");
    }

    /// <summary>Calls the operation of a case.</summary>
    private void Call(DeviceCase device) => Run(device.Call);

    /// <summary>Runs operations; where the backend does not support one the test is skipped by name, unless the family says that everything is supported.</summary>
    private void Run(Action operations)
    {
        try
        {
            operations();
        }
        catch (NotSupportedException unsupported) when (!family.SupportsEverything)
        {
            Assert.Skip($"Not supported: {unsupported.Message}");
        }
    }
}
