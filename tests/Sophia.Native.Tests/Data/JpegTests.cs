using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CsCheck;
using Sophia.Native.Data.Images;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class JpegTests
{
    /// <summary>SHA-256 over "name hash\n" of all 304 images in ordinal order of their names, each hash that of the RGB bytes as Pillow 9.4 with libjpeg-turbo 2.1.5 decodes them.</summary>
    private const string HashOfMathVision = "902f406f4caba44f8aaa64259738b934b60032741560b3fc6897bd8721a88159";

    [Fact]
    public void Every_sampling_coding_and_color_space_decodes_as_in_Pillow()
    {
        List<string> differing = [];
        int count = 0;
        foreach (JsonElement line in Qwen2TokenizerTests.JsonLinesOf("jpeg/decoded.jsonl"))
        {
            string file = line.GetProperty("file").GetString()!;
            if (GoldenTiles.Hash(ImageDecoder.Load(TestData.Golden("jpeg/" + file))) != line.GetProperty("rgb_sha256").GetString()) differing.Add(file);
            count++;
        }

        Assert.Empty(differing);
        Assert.Equal(45, count);
    }

    [Fact]
    public void The_images_of_MathVision_decode_as_in_Pillow()
    {
        StringBuilder lines = new();
        foreach (string path in Directory.GetFiles(TestData.Data("mathvision-testmini/images")).OrderBy(Path.GetFileName, StringComparer.Ordinal))
            lines.Append(Path.GetFileName(path)).Append(' ').Append(GoldenTiles.Hash(ImageDecoder.Load(path))).Append('\n');
        Assert.Equal(HashOfMathVision, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString()))));
    }

    [Fact]
    public void A_file_cut_off_anywhere_is_an_error_unless_only_the_end_marker_of_a_sequential_one_is_missing()
    {
        int progressive = 0;
        foreach (string file in (ReadOnlySpan<string>)["sampling_2x2_17x33.jpg", "greyp_33x65.jpg", "cmyk_17x33.jpg"])
        {
            byte[] whole = File.ReadAllBytes(TestData.Golden("jpeg/" + file));
            byte[] expected = ImageDecoder.Decode(whole, file).Pixels;
            bool isProgressive = whole.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC2]) >= 0;
            progressive += isProgressive ? 1 : 0;
            for (int length = 3; length < whole.Length - 1; length++)
            {
                byte[] cut = whole[..length];
                if (!isProgressive && length >= whole.Length - 3)
                {
                    // The last byte of the image may hold nothing but filling bits; where it holds more, its lack is an error.
                    if (length == whole.Length - 2) Assert.Equal(expected, ImageDecoder.Decode(cut, file).Pixels);
                    continue;
                }

                Assert.StartsWith(file + ": ", Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(cut, file)).Message);
            }
        }

        Assert.InRange(progressive, 1, 2);
    }

    [Fact]
    public void Random_damage_is_an_error_or_an_image_and_nothing_else()
    {
        byte[][] files = [.. Directory.GetFiles(TestData.Golden("jpeg"), "*.jpg").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        (from file in Gen.Int[0, files.Length - 1]
         from damages in Gen.Select(Gen.Int[3, files[file].Length - 1], Gen.Byte).Array[1, 6]
         select (file, damages)).Sample(one =>
         {
             byte[] damaged = [.. files[one.file]];
             foreach ((int at, byte value) in one.damages) damaged[at] = value;
             try
             {
                 ImageDecoder.Decode(damaged, "damaged");
             }
             catch (InvalidDataException fault)
             {
                 Assert.StartsWith("damaged: ", fault.Message);
             }
         }, iter: 2_000);
    }

    [Fact]
    public void Headers_that_promise_too_much_are_errors_before_anything_is_allocated()
    {
        AssertFault("at most", Frame(0xC0, 65_500, 65_500));
        AssertFault("cannot hold", Frame(0xC2, 9_000, 9_000));
        AssertFault("1 x 1", Frame(0xC0, 0, 10));
        AssertFault("1 x 1", Frame(0xC0, 10, 0));
        AssertFault("type C9", Frame(0xC9, 10, 10));
        AssertFault("type C3", Frame(0xC3, 10, 10));
        AssertFault("8 bits", Frame(0xC1, 10, 10, precision: 12));
        AssertFault("sampling", Frame(0xC0, 10, 10, sampling: 0x51));
        AssertFault("second", [.. Frame(0xC0, 10, 10), .. Frame(0xC0, 10, 10)[2..]]);
    }

    [Fact]
    public void Too_many_scans_are_an_error()
    {
        // A frame of one block and a scan of one bit, again and again.
        byte[] tables = [0xFF, 0xDB, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64), 0xFF, 0xC4, 0, 20, 0, 1, .. new byte[15], 0];
        byte[] scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 0x7F];
        byte[] start = [.. Frame(0xC2, 8, 8), .. tables];
        byte[] end = [0xFF, 0xD9];
        Assert.Equal(192, ImageDecoder.Decode([.. start, .. scan, .. scan, .. end], "x").Pixels.Length);
        AssertFault("at most 200 scans", [.. start, .. Enumerable.Repeat(scan, 201).SelectMany(bytes => bytes), .. end]);
    }

    private static byte[] Frame(byte type, int width, int height, byte precision = 8, byte sampling = 0x11) =>
        [0xFF, 0xD8, 0xFF, type, 0, 11, precision, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, sampling, 0];

    private static void AssertFault(string fault, byte[] data)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(data, "folder/a.jpg"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.StartsWith("folder/a.jpg: ", exception.Message);
        Assert.Contains(fault, exception.Message);
    }
}
