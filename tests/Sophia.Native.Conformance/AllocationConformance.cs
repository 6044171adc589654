using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>What a backend that steps and decoding run on must do besides <see cref="OperationConformance"/>: its calls take no managed memory. Derived beside it, for the same family.</summary>
/// <param name="family">The backend under test.</param>
public abstract class AllocationConformance(BackendFamily family)
{
    [Theory]
    [OperationData]
    public void A_call_allocates_nothing_once_it_is_warm(string operation, ElementType storage)
    {
        var name = CaseTable.Fullest(operation, storage, family.MostElements);
        var instance = CaseTable.Find(name).Build();
        if (family.WhyOmitted(operation, instance) is { } reason)
            Assert.Skip(reason);
        using var device = new DeviceCase(family.Subject, instance, name);
        ViewOf view = device.View;
        instance.Invoke(family.Subject, view);
        instance.Invoke(family.Subject, view);
        // The least of some attempts, because the runtime's counter jumps when a collection, of another test for example, falls between.
        var least = long.MaxValue;
        for (var attempt = 0; attempt < 5 && least > 0; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            instance.Invoke(family.Subject, view);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);
    }
}
