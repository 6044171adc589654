using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>
/// For backends that fail where an access leaves an allocation, which a read of a sentinel that is not used does not show: every case with arguments whose memory ends with their last element.
/// Derived beside <see cref="OperationConformance"/>, for the same family.
/// </summary>
/// <param name="family">The backend under test.</param>
public abstract class BoundsConformance(BackendFamily family)
{
    [Theory]
    [CaseData]
    public void Nothing_behind_the_last_element_is_touched(string name)
    {
        var entry = CaseTable.Find(name);
        var instance = entry.Build();
        if (family.WhyOmitted(entry.Operation, instance) is { } reason)
            Assert.Skip(reason);
        foreach (var layout in Enum.GetValues<Layout>())
        {
            using var device = new DeviceCase(family.Subject, instance, name, layout, endsExactly: true);
            device.Call();
            device.CheckSentinels();
        }
    }
}
