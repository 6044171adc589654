using System.Security.Cryptography;

namespace Sophia.Native.Cli;

/// <summary>
/// Tells checkpoints and adapters apart without reading all of them: a hash of config.json and of the name, the length and 64 evenly spaced blocks of every weight file.
/// A copy of a checkpoint has the fingerprint of the checkpoint.
/// </summary>
internal static class ModelFingerprint
{
    private const int Blocks = 64;
    private const int BlockBytes = 4096;

    public static string Of(string folder)
    {
        var files = Directory.GetFiles(folder, "*.safetensors");
        Array.Sort(files, StringComparer.Ordinal);
        return Of(Path.Combine(folder, "config.json"), files);
    }

    /// <summary>The same of PEFT's two files, whatever lies beside them: a checkpoint of a training has the state of its optimizer there.</summary>
    public static string OfAdapter(string folder) => Of(Path.Combine(folder, "adapter_config.json"), Path.Combine(folder, "adapter_model.safetensors"));

    private static string Of(string config, params ReadOnlySpan<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(File.ReadAllBytes(config));
        foreach (var file in files)
            Append(hash, file);
        return Convert.ToHexStringLower(hash.GetHashAndReset()[..16]);
    }

    private static void Append(IncrementalHash hash, string path)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{Path.GetFileName(path)}|{length}|"));
        Span<byte> block = stackalloc byte[BlockBytes];
        for (var i = 0; i < Blocks; i++)
        {
            var offset = (long)((Int128)Math.Max(0, length - BlockBytes) * i / (Blocks - 1));
            hash.AppendData(block[..RandomAccess.Read(file, block, offset)]);
        }
    }
}
