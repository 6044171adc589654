using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>How many rows of a launch there are: all, or of those that a kernel has counted on the device the ones from number <paramref name="first"/> on.</summary>
/// <param name="counted">One number; any memory where all rows count.</param>
/// <param name="first">The first row of this launch, or minus one where all rows count.</param>
/// <param name="most">The rows of the launch.</param>
internal readonly struct RowCount(ArrayView<int> counted, int first, int most)
{
    private readonly ArrayView<int> _counted = counted;
    private readonly int _first = first;
    private readonly int _most = most;

    public int Value
    {
        get
        {
            if (_first < 0)
                return _most;
            var rest = _counted[0] - _first;
            return rest < 0 ? 0 : rest < _most ? rest : _most;
        }
    }
}
