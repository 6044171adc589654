using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// New keys and values go to their rows of the key-value cache. Bound by bytes: 4*N*K*D elements. Where to read first: CacheAppendRow; attention reads the cache in CpuBackend.Attention.cs.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A row is out of range; the message names it.</exception>
    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows)
    {
        CheckRows("CacheAppend", "rows", rows, keyCache.Rows, "rows of the cache");
        RowLoop.Run(_path, _pool, new CacheAppendRow(keyCache, valueCache, key, value, rows), key.Rows, 2 * key.Columns);
    }

    private readonly struct CacheAppendRow(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows) : IRowOperator
    {
        private readonly RowBytes _keyCache = new(keyCache);
        private readonly RowBytes _valueCache = new(valueCache);
        private readonly RowBytes _key = new(key);
        private readonly RowBytes _value = new(value);
        private readonly int* _rows = (int*)rows.Address;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            _keyCache.CopyFrom(_rows[row], _key.At(row));
            _valueCache.CopyFrom(_rows[row], _value.At(row));
        }
    }
}
