using Sophia.Native.Conformance;
using Sophia.Native.Cpu;

namespace Sophia.Native.Tests.Cpu;

/// <summary>
/// The portable path at every level that the runtime can compile it to: each is forced in a child, says that it is in force, and leaves the same bits in every case of the conformance table
/// as this process, where the table is compared with the reference.
/// </summary>
public sealed class VectorLevelTests(VectorLevelTests.PortableBits portable) : IClassFixture<VectorLevelTests.PortableBits>
{
    /// <summary>Operations that add across the lanes of a vector, in an order that depends on how many there are.</summary>
    private static readonly string[] OtherWithOtherWidths = ["RmsNormForward", "RmsNormBackward", "LayerNormForward", "LayerNormBackward", "GradientNorm"];

    public static TheoryData<string> Levels => [.. VectorLevel.All.Select(level => level.Name)];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Every_operation_leaves_the_same_bits_at_a_forced_level(string name)
    {
        var level = VectorLevel.All.First(level => level.Name == name);
        if (!level.IsWithin(VectorLevel.InForce))
            Assert.Skip($"This processor, or a setting of the runtime, lacks what the level {name} needs: {level.Instructions}; it has {VectorLevel.InForce}.");
        var (bits, inForce, description) = OperationBits.At(level);
        Assert.Equal(level.Instructions, inForce);
        Assert.Equal($"cpu, portable {(inForce.Contains("Vector256") ? "256-bit" : inForce.Contains("Vector128") ? "128-bit" : "scalar")}, 2 threads", description);
        AssertSame(portable.Bits, bits, name);
    }

    [Fact]
    public void All_operations_but_those_that_add_across_lanes_leave_the_same_bits_with_512_bit_vectors()
    {
        if (!InstructionSetPath.IsSupported(CpuPath.Avx512))
            Assert.Skip("This processor has no AVX-512.");
        static Dictionary<string, string> Selected(Dictionary<string, string> bits) => bits.Where(entry => !OtherWithOtherWidths.Contains(entry.Key.Split(' ')[0])).ToDictionary();
        AssertSame(Selected(portable.Bits), Selected(OperationBits.Of("avx512")), "avx512");
    }

    private static void AssertSame(Dictionary<string, string> expected, Dictionary<string, string> found, string level)
    {
        Assert.Equal(expected.Keys, found.Keys);
        var others = expected.Keys.Where(name => expected[name] != found[name]).ToArray();
        Assert.True(others.Length == 0, $"At {level}, {others.Length} of {expected.Count} cases have other bits than the portable path of this process (seed {ConformanceSeed.Value}): {string.Join("; ", others.Take(10))}");
    }

    /// <summary>The bits of the portable path of this process, once for all levels.</summary>
    public sealed class PortableBits
    {
        internal Dictionary<string, string> Bits { get; } = OperationBits.Of("portable");
    }
}
