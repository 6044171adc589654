using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>Rows that a kernel has listed on the device, those with a gradient first; a launch works on the places from <paramref name="first"/> on.</summary>
/// <param name="rows">The rows.</param>
/// <param name="counts">How many have a gradient, and how many there are.</param>
/// <param name="first">The first place of this launch.</param>
internal readonly struct RowList(ArrayView<int> rows, ArrayView<int> counts, int first)
{
    private readonly ArrayView<int> _rows = rows;
    private readonly ArrayView<int> _counts = counts;
    private readonly int _first = first;

    /// <summary>The row at a place, or minus one behind the last.</summary>
    public int At(long place) => _first + place < _counts[1] ? _rows[_first + place] : -1;

    /// <summary>The row at a place, or minus one behind the last that has a gradient.</summary>
    public int TrainedAt(long place) => IsTrained(place) ? _rows[_first + place] : -1;

    public bool IsTrained(long place) => _first + place < _counts[0];
}
