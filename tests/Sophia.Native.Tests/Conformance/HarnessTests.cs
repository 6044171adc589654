using Sophia.Native.Conformance;
using Xunit.Sdk;

namespace Sophia.Native.Tests.Conformance;

/// <summary>The table's own checks, shown to fail: a copy that does one thing wrong is caught by the check that is there for it.</summary>
public sealed class HarnessTests
{
    private delegate void Faulty(Backend backend, DeviceView destination, DeviceView source);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_right_copy_passes(bool strided) => Check((backend, destination, source) => backend.Copy(destination, source), strided);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_row_that_is_left_out_is_found(bool strided) => Fails("destination[2, 0]", strided, (backend, destination, source) => backend.Copy(destination.RowRange(0, 2), source.RowRange(0, 2)));

    [Fact]
    public void A_wrong_value_is_found() => Fails("destination[1, 1]", false, (backend, destination, source) =>
    {
        backend.Copy(destination, source);
        backend.Fill(destination.RowRange(1, 1).ColumnRange(1, 1), 100f);
    });

    [Fact]
    public void Writing_behind_the_end_is_found() => Fails("behind the view", false, (backend, destination, source) =>
    {
        backend.Copy(destination, source);
        backend.Fill(new DeviceView(destination.Buffer, destination.ByteOffset + 4 * destination.Length, 1, 1, 1, ElementType.Float32), 1f);
    });

    [Fact]
    public void Writing_before_the_beginning_is_found() => Fails("before the view", false, (backend, destination, source) =>
    {
        backend.Copy(destination, source);
        backend.Fill(new DeviceView(destination.Buffer, destination.ByteOffset - 4, 1, 1, 1, ElementType.Float32), 1f);
    });

    [Fact]
    public void Writing_into_the_gap_between_rows_is_found() => Fails("in a gap of the view", true, (backend, destination, source) =>
    {
        backend.Copy(destination, source);
        backend.Fill(new DeviceView(destination.Buffer, destination.ByteOffset + 4 * destination.Columns, 1, 1, 1, ElementType.Float32), 1f);
    });

    [Fact]
    public void Writing_to_an_input_is_found() => Fails("of an input", false, (backend, destination, source) =>
    {
        backend.Copy(destination, source);
        backend.Fill(source.RowRange(0, 1), 1f);
    });

    [Fact]
    public void Another_bit_is_found()
    {
        using var backend = Backend.Open("cpu", new BackendOptions { Threads = 1 });
        var instance = Instance((on, destination, source) => on.Copy(destination, source));
        using var first = new DeviceCase(backend, instance, "copy");
        using var second = new DeviceCase(backend, instance, "copy");
        first.Call();
        second.Call();
        second.CheckSameBits(first.DownloadWritten(), "the first");
        backend.Fill(second.View(instance.Arguments[0]).RowRange(0, 1).ColumnRange(0, 1), 2f);
        Assert.Throws<FailException>(() => second.CheckSameBits(first.DownloadWritten(), "the first"));
    }

    private static void Fails(string says, bool strided, Faulty copy)
    {
        var failure = Assert.Throws<FailException>(() => Check(copy, strided));
        Assert.Contains(says, failure.Message);
        Assert.Contains($"seed {ConformanceSeed.Value}", failure.Message);
    }

    private static void Check(Faulty copy, bool strided)
    {
        using var backend = Backend.Open("cpu", new BackendOptions { Threads = 1 });
        var instance = Instance(copy);
        using var device = new DeviceCase(backend, instance, "copy", strided ? Layout.Strided : Layout.Contiguous);
        device.Call();
        instance.Reference();
        device.CheckSentinels();
        device.CheckValues();
    }

    private static CaseInstance Instance(Faulty copy)
    {
        var instance = new CaseInstance();
        var destination = instance.Output("destination", 3, 5);
        var source = instance.Input("source", 3, 5, new CaseRandom(1).Uniform(15));
        instance.Invoke = (backend, view) => copy(backend, view(destination), view(source));
        instance.Reference = () => source.Values.CopyTo(destination.Expected, 0);
        return instance;
    }
}
