namespace Sophia.Native.Cli.Profiling;

/// <summary>Counts the rows that the head computes: those with a target, and of them those that are trained.</summary>
internal static class HeadRows
{
    public static (long Forward, long Trained) Count(Backend backend, DeviceView targets, DeviceView normalizers)
    {
        var target = new int[targets.Length];
        var normalizer = new float[normalizers.Length];
        backend.Download<int>(target, targets);
        if (normalizer.Length > 0)
            backend.Download<float>(normalizer, normalizers);
        long forward = 0, trained = 0;
        for (var row = 0; row < target.Length; row++)
        {
            if (target[row] < 0)
                continue;
            forward++;
            trained += normalizer.Length == 0 || normalizer[row] != 0 ? 1 : 0;
        }
        return (forward, trained);
    }
}
