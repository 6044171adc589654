using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// New keys and values go to their rows of the cache: keyCache[rows[n]] = key[n], valueCache[rows[n]] = value[n]. Caches [M, K * D], key and value [N, K * D] in storage, rows [N] all different.
// Bound by bytes: 4*N*K*D elements. A row outside the cache is reported and not written.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows)
    {
        if (key.Length == 0)
            return;
        if (key.Type == ElementType.BFloat16)
            ForEach(new CacheAppendElement<StoredBFloat16>(Of<StoredBFloat16>(keyCache), Of<StoredBFloat16>(valueCache), Of<StoredBFloat16>(key), Of<StoredBFloat16>(value), Elements<int>(rows), keyCache.Rows, Faults()),
                key.Rows, key.Columns);
        else
            ForEach(new CacheAppendElement<StoredFloat32>(Of<StoredFloat32>(keyCache), Of<StoredFloat32>(valueCache), Of<StoredFloat32>(key), Of<StoredFloat32>(value), Elements<int>(rows), keyCache.Rows, Faults()),
                key.Rows, key.Columns);
    }

    internal readonly struct CacheAppendElement<TStored>(Matrix<TStored> keyCache, Matrix<TStored> valueCache, Matrix<TStored> key, Matrix<TStored> value, ArrayView<int> rows, long cacheRows, ArrayView<int> faults)
        : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _keyCache = keyCache;
        private readonly Matrix<TStored> _valueCache = valueCache;
        private readonly Matrix<TStored> _key = key;
        private readonly Matrix<TStored> _value = value;
        private readonly ArrayView<int> _rows = rows;
        private readonly long _cacheRows = cacheRows;
        private readonly ArrayView<int> _faults = faults;

        public void Apply(long row, int column)
        {
            var target = _rows[row];
            if (target < 0 || target >= _cacheRows)
            {
                _faults[0] = KernelFault.RowOutsideMatrix;
                return;
            }
            _keyCache.WriteRaw(target, column, _key.Raw(row, column));
            _valueCache.WriteRaw(target, column, _value.Raw(row, column));
        }
    }
}
