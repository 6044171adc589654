using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Files;

/// <summary>All parameters of a layout in one array; checks that every row is written once and in order, in whole rows.</summary>
internal sealed class ParameterArray(ParameterLayout layout) : IParameterSink, IParameterSource
{
    private readonly Dictionary<string, long> _nextRow = [];

    public float[] Values { get; } = new float[layout.ElementCount];

    public int Calls { get; private set; }

    public int LargestCall { get; private set; }

    /// <summary>Distinct numbers, exactly representable in bfloat16 patterns: small integers with signs, different for neighbors.</summary>
    public static ParameterArray Numbered(ParameterLayout layout)
    {
        var array = new ParameterArray(layout);
        foreach (var parameter in layout.Parameters)
        {
            for (long i = 0; i < parameter.Length; i++)
                array.Values[parameter.Offset + i] = BitConverter.UInt32BitsToSingle(((uint)((parameter.Offset + i) * 40503) & 0xBFFF) << 16 | 0x3000_0000);
        }
        return array;
    }

    public Span<float> Of(Parameter parameter) => Values.AsSpan((int)parameter.Offset, (int)parameter.Length);

    public Span<float> Of(string name) => Of(layout[name]);

    public void Write(Parameter parameter, long firstRow, ReadOnlySpan<float> rows)
    {
        Assert.Equal(layout[parameter.Name], parameter);
        Assert.Equal(_nextRow.GetValueOrDefault(parameter.Name), firstRow);
        Assert.Equal(0, rows.Length % parameter.Columns);
        Assert.NotEqual(0, rows.Length);
        _nextRow[parameter.Name] = firstRow + rows.Length / parameter.Columns;
        Assert.InRange(_nextRow[parameter.Name], 1, parameter.Rows);
        rows.CopyTo(Of(parameter)[(int)(firstRow * parameter.Columns)..]);
        Calls++;
        LargestCall = Math.Max(LargestCall, rows.Length);
    }

    public void Read(Parameter parameter, long firstRow, Span<float> rows)
    {
        Assert.Equal(0, rows.Length % parameter.Columns);
        Of(parameter).Slice((int)(firstRow * parameter.Columns), rows.Length).CopyTo(rows);
    }

    public void AssertComplete()
    {
        foreach (var parameter in layout.Parameters) Assert.Equal(parameter.Rows, _nextRow.GetValueOrDefault(parameter.Name));
    }

    public void AssertBitsEqual(ParameterArray other)
    {
        foreach (var parameter in layout.Parameters)
        {
            var expected = other.Of(parameter);
            var found = Of(parameter);
            for (var i = 0; i < expected.Length; i++)
            {
                if (BitConverter.SingleToUInt32Bits(expected[i]) != BitConverter.SingleToUInt32Bits(found[i]))
                    Assert.Fail($"{parameter}, element {i}: expected {expected[i]}, found {found[i]}");
            }
        }
    }
}
