namespace Sophia.Native.Data.Records;

/// <summary>Finds the frames of a video that lies as a folder of images, and chooses those that are shown.</summary>
internal static class VideoFrames
{
    /// <summary>The number of frames in the example of InternVL's model cards.</summary>
    public const int DefaultSegments = 8;

    private const int LongestNumber = 20;

    /// <summary>Whether a file has the name of an image.</summary>
    public static bool IsImage(string path) => Path.GetExtension(path).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg";

    /// <summary>The images of a folder by name; numbers in names count as numbers, so that frame 10 follows frame 9.</summary>
    public static string[] Of(string folder)
    {
        string[] paths = [.. Directory.EnumerateFiles(folder).Where(IsImage)];
        Array.Sort(Array.ConvertAll(paths, path => WithPaddedNumbers(Path.GetFileName(path))), paths, StringComparer.Ordinal);
        return paths;
    }

    /// <summary>
    /// The frames at the middles of equal segments (InternVL, README, get_index): with s = (frames - 1) / segments the indices are int(s / 2 + round(s * i)); all frames where there are no more than segments.
    /// </summary>
    public static string[] Choose(string[] frames, int segments)
    {
        if (frames.Length <= segments) return frames;
        string[] chosen = new string[segments];
        double length = (frames.Length - 1) / (double)segments;
        for (int i = 0; i < segments; i++) chosen[i] = frames[(int)(length / 2 + Math.Round(length * i))];
        return chosen;
    }

    private static string WithPaddedNumbers(string name)
    {
        System.Text.StringBuilder key = new();
        for (int i = 0; i < name.Length;)
        {
            int end = i;
            while (end < name.Length && char.IsAsciiDigit(name[end])) end++;
            if (end == i) key.Append(name[i++]);
            else key.Append(name[i..end].TrimStart('0').PadLeft(LongestNumber, '0'));
            i = Math.Max(i, end);
        }

        return key.ToString();
    }
}
