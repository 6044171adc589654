using System.Buffers.Binary;
using System.IO.Compression;
using CsCheck;
using Sophia.Native.Data.Images;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class PngTests
{
    [Fact]
    public void Decode_of_encode_is_the_image() =>
        (from width in Gen.Int[1, 40]
         from height in Gen.Int[1, 40]
         from pixels in Gen.OneOf(Gen.Byte, Gen.Const((byte)7)).Array[width * height * 3]
         select new RgbImage(width, height, pixels)).Sample(image =>
        {
            RgbImage again = ImageDecoder.Decode(PngEncoder.Encode(image), "memory");
            Assert.Equal((image.Width, image.Height), (again.Width, again.Height));
            Assert.Equal(image.Pixels, again.Pixels);
        }, iter: 300);

    [Theory]
    [InlineData(1, new byte[] { 0b1010_0000 }, 3, new byte[] { 255, 0, 255 })]
    [InlineData(2, new byte[] { 0b00_01_10_11 }, 4, new byte[] { 0, 85, 170, 255 })]
    [InlineData(4, new byte[] { 0x0F, 0x80 }, 3, new byte[] { 0, 255, 136 })]
    [InlineData(8, new byte[] { 0, 9, 255 }, 3, new byte[] { 0, 9, 255 })]
    [InlineData(16, new byte[] { 0, 9, 1, 0, 0, 255 }, 3, new byte[] { 9, 255, 255 })]
    public void Grey_of_every_depth_becomes_what_Pillow_makes_of_it(byte depth, byte[] row, int width, byte[] grey) =>
        Assert.Equal(grey.SelectMany(value => new[] { value, value, value }), PngDecoder.Decode(Png(width, 1, depth, 0, [0, .. row])).Pixels);

    [Fact]
    public void Sixteen_bit_colors_with_or_without_alpha_become_their_high_bytes()
    {
        Assert.Equal([1, 2, 3], PngDecoder.Decode(Png(1, 1, 16, 2, [0, 1, 99, 2, 99, 3, 99])).Pixels);
        Assert.Equal([1, 2, 3], PngDecoder.Decode(Png(1, 1, 16, 6, [0, 1, 99, 2, 99, 3, 99, 0, 0])).Pixels);
        Assert.Equal([4, 4, 4], PngDecoder.Decode(Png(1, 1, 16, 4, [0, 4, 99, 0, 0])).Pixels);
    }

    [Fact]
    public void Broken_files_are_errors_that_name_the_file_and_the_fault()
    {
        byte[] good = Png(2, 2, 8, 2, [0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12]);
        Assert.Equal(12, ImageDecoder.Decode(good, "x").Pixels.Length);
        for (int length = 8; length < good.Length - 1; length++) AssertFault("cut off", good[..length]);
        AssertFault("checksum", Changed(good, 30, 1));
        AssertFault("1 x 1", Png(0, 2, 8, 2, [0]));
        AssertFault("at most", Png(60_000, 60_000, 8, 2, [0]));
        AssertFault("cannot hold", Png(9_000, 9_000, 8, 2, [0]));
        AssertFault("2147483648 x 2", Png(int.MinValue, 2, 8, 2, [0]));
        AssertFault("type 2 with 4 bits", Png(2, 2, 4, 2, [0]));
        AssertFault("type 5", Png(2, 2, 8, 5, [0]));
        AssertFault("palette", Png(2, 2, 8, 3, [0]));
        AssertFault("filter", Png(1, 1, 8, 0, [5, 1]));
        AssertFault("cut off", Png(2, 2, 8, 2, [0, 1, 2, 3]));
        AssertFault("an empty file", []);
        AssertFault("begins with 4749463839", "GIF89a"u8.ToArray());
    }

    [Fact]
    public void Random_damage_is_an_error_or_an_image_and_nothing_else()
    {
        byte[] good = File.ReadAllBytes(TestData.Golden("preprocess/images/interlaced.png"));
        Gen.Select(Gen.Int[8, good.Length - 1], Gen.Byte, Gen.Int[8, good.Length]).Sample((at, value, length) =>
        {
            byte[] damaged = Changed(good, at, value)[..Math.Max(at, length)];
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
    public void A_missing_image_is_an_error_that_names_it() =>
        Assert.StartsWith("no/such.png: ", Assert.Throws<InvalidDataException>(() => ImageDecoder.Load("no/such.png")).Message);

    private static void AssertFault(string fault, byte[] data)
    {
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(data, "folder/a.png"));
        Assert.StartsWith("folder/a.png: ", exception.Message);
        Assert.Contains(fault, exception.Message);
    }

    private static byte[] Changed(byte[] data, int at, byte value)
    {
        byte[] changed = [.. data];
        changed[at] ^= value;
        return changed;
    }

    private static byte[] Png(int width, int height, byte depth, byte color, byte[] rows)
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = depth;
        header[9] = color;
        using MemoryStream compressed = new();
        using (ZLibStream stream = new(compressed, CompressionMode.Compress, leaveOpen: true)) stream.Write(rows);
        return [0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, compressed.ToArray()), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] length = new byte[4], crc = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(crc, Crc32.Compute([.. type, .. data]));
        return [.. length, .. type, .. data, .. crc];
    }
}
