using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Files;

public class SafetensorsFileTests
{
    [Fact]
    public void A_file_written_by_hand_is_read()
    {
        using var folder = new TemporaryFolder();
        var path = WriteRaw(folder, """{"__metadata__":{"format":"pt"},"b":{"dtype":"I16","shape":[2],"data_offsets":[8,12]},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"empty":{"dtype":"F64","shape":[0,7],"data_offsets":[12,12]}}   """,
            [0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0, 0xFE, 0xFF, 0x2C, 0x01]);

        using var file = SafetensorsFile.Open(path);

        Assert.Equal(["a", "b", "empty"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal("pt", file.Metadata["format"]);
        var floats = new float[2];
        file["a"].ReadFloats(0, floats);
        Assert.Equal([1f, -2.5f], floats);
        Assert.Equal([1, 2], file["a"].Shape);
        var integers = new long[2];
        file["b"].ReadIntegers(0, integers);
        Assert.Equal([-2, 300], integers);
        file["b"].ReadFloats(1, floats.AsSpan(0, 1));
        Assert.Equal(300f, floats[0]);
        Assert.Equal(0, file["empty"].ElementCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => file["a"].ReadFloats(1, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file["a"].ReadFloats(long.MaxValue, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file["a"].ReadBytes(-1, new byte[2]));
        Assert.Throws<InvalidDataException>(() => file["a"].ReadIntegers(0, new long[1]));
        Assert.Contains("\"c\"", Assert.Throws<InvalidDataException>(() => file["c"]).Message);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "JSON")]
    [InlineData("""["a"]""", 8, "'{'")]
    [InlineData("", 8, "'{'")]
    [InlineData("""{"a":5}""", 8, "\"a\"")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "F31")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "element type")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}""", 8, "0 to 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551616]}}""", 8, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "12 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "more elements")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0, "more elements")]
    [InlineData("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "begin at 8")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "begin at 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}}""", 8, "begin at 0")]
    [InlineData("""{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}""", 8, "too long")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "JSON")]
    [InlineData("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"extra":1}}""", 8, "extra")]
    [InlineData("""{"__metadata__":{"x":1},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""", 8, "__metadata__")]
    [InlineData("""{"__metadata__":[],"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""", 8, "__metadata__")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""", 8, "")]
    [InlineData("""{"a":{"dtype":"U8","shape":[[[[[[[[[[8]]]]]]]]]],"data_offsets":[0,8]}}""", 8, "JSON")]
    public void A_lying_header_is_an_error_that_names_the_file(string header, int dataBytes, string expected)
    {
        using var folder = new TemporaryFolder();
        var path = WriteRaw(folder, header, new byte[dataBytes]);

        var exception = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));

        Assert.StartsWith(path + ":", exception.Message);
        Assert.Contains(expected, exception.Message);
    }

    [Fact]
    public void A_file_cut_off_anywhere_is_an_error()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(WriteRaw(folder, """{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""", new byte[8]));
        for (var length = 0; length < whole.Length; length++)
        {
            var path = folder.File("cut.safetensors");
            File.WriteAllBytes(path, whole[..length]);
            Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message);
        }
    }

    [Fact]
    public void A_header_length_beyond_the_limit_is_refused_before_it_is_allocated()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("huge.safetensors");
        foreach (var length in new ulong[] { 100_000_001, ulong.MaxValue, long.MaxValue })
        {
            using (var stream = File.Create(path))
            {
                stream.Write(BitConverter.GetBytes(length));
                stream.SetLength(200_000_000); // sparse
            }
            Assert.Contains("100000000", Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message);
        }
    }

    [Fact]
    public void A_damaged_header_is_read_or_refused_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(WriteRaw(folder, """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"I16","shape":[2],"data_offsets":[8,12]}}""", new byte[12]));
        var path = folder.File("damaged.safetensors");
        var refused = 0;
        for (uint round = 0; round < 1500; round++)
        {
            var bytes = whole.ToArray();
            var (position, value, second, any) = Philox.Block(round, 0, 0, 0, 12);
            ReadOnlySpan<byte> letters = "0-{}[]\",:ntx9\\e._"u8;
            bytes[position % 150] = letters[(int)(value % (uint)letters.Length)];
            bytes[second % 150] = any % 2 == 0 ? (byte)(any >> 8) : bytes[second % 150];
            File.WriteAllBytes(path, bytes);
            try
            {
                using var file = SafetensorsFile.Open(path);
                foreach (var tensor in file.Tensors) tensor.ReadFloats(0, new float[tensor.ElementCount]);
            }
            catch (InvalidDataException exception)
            {
                Assert.StartsWith(path, exception.Message);
                refused++;
            }
        }
        Assert.InRange(refused, 500, 1499);
    }

    [Fact]
    public void Bytes_that_are_not_text_are_an_error()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("x.safetensors");
        var header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"u8.ToArray();
        header[2] = 0xFF;
        File.WriteAllBytes(path, [(byte)header.Length, 0, 0, 0, 0, 0, 0, 0, .. header]);
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
    }

    [Fact]
    public void A_file_that_shrinks_while_open_is_an_error_and_not_a_crash()
    {
        using var folder = new TemporaryFolder();
        var path = WriteRaw(folder, """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", new byte[16]);
        using var file = SafetensorsFile.Open(path);
        using (var writer = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) writer.SetLength(new FileInfo(path).Length - 4);

        var exception = Assert.Throws<InvalidDataException>(() => file["a"].ReadFloats(0, new float[4]));

        Assert.Contains("shorter", exception.Message);
    }

    [Fact]
    public void A_header_with_very_many_tensors_is_read()
    {
        const int Count = 200_000;
        using var folder = new TemporaryFolder();
        var header = new StringBuilder("{");
        for (var i = 0; i < Count; i++) header.Append(i == 0 ? "" : ",").Append($"\"tensor.{i}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{i},{i + 1}]}}");
        var path = WriteRaw(folder, header.Append('}').ToString(), new byte[Count]);

        using var file = SafetensorsFile.Open(path);

        Assert.Equal(Count, file.Tensors.Count);
    }

    [Fact]
    public void Every_element_type_is_parsed_with_its_size_and_value()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("types.safetensors");
        var cases = new (FileElementType Type, byte[] One, float Value)[]
        {
            (FileElementType.BOOL, [1], 1), (FileElementType.U8, [200], 200), (FileElementType.I8, [0xFE], -2),
            (FileElementType.I16, BitConverter.GetBytes((short)-300), -300), (FileElementType.U16, BitConverter.GetBytes((ushort)65535), 65535),
            (FileElementType.I32, BitConverter.GetBytes(-70000), -70000), (FileElementType.U32, BitConverter.GetBytes(4000000000u), 4e9f),
            (FileElementType.I64, BitConverter.GetBytes(-(1L << 40)), -(1L << 40)), (FileElementType.U64, BitConverter.GetBytes(1UL << 63), 9.223372E18f),
            (FileElementType.F16, BitConverter.GetBytes((Half)0.333), (float)(Half)0.333), (FileElementType.BF16, [0x20, 0xC0], -2.5f),
            (FileElementType.F32, BitConverter.GetBytes(1.1f), 1.1f), (FileElementType.F64, BitConverter.GetBytes(1.1), 1.1f),
            (FileElementType.F8_E4M3, [0x38], 1), (FileElementType.F8_E5M2, [0x7B], 57344),
        };
        Assert.Equal(Enum.GetValues<FileElementType>().Length, cases.Length);
        using (var writer = SafetensorsWriter.Create(path, cases.Select(item => new SafetensorsDeclaration(item.Type.ToString(), item.Type, []))))
        {
            foreach (var item in cases) writer.Write(item.Type.ToString(), item.One);
            writer.Commit();
        }

        using var file = SafetensorsFile.Open(path);
        foreach (var item in cases)
        {
            var tensor = file[item.Type.ToString()];
            var value = new float[1];
            tensor.ReadFloats(0, value);
            Assert.Equal((item.Type, item.Value, item.One.Length), (tensor.Type, value[0], (int)tensor.ByteCount));
            var integer = new long[1];
            if (item.Type == FileElementType.U64) Assert.Contains("2^63", Assert.Throws<InvalidDataException>(() => tensor.ReadIntegers(0, integer)).Message);
            else if (item.Type.ToString().Contains('F')) Assert.Throws<InvalidDataException>(() => tensor.ReadIntegers(0, integer));
            else
            {
                tensor.ReadIntegers(0, integer);
                Assert.Equal(item.Value, integer[0]);
            }
        }
    }

    [Fact]
    public void Ranges_across_the_buffer_and_rows_are_read_exactly()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("long.safetensors");
        const int Rows = 1031, Columns = 311;
        var values = new float[Rows * Columns];
        for (var i = 0; i < values.Length; i++) values[i] = i % 251 - 125;
        var types = new[] { FileElementType.F32, FileElementType.BF16, FileElementType.F16, FileElementType.F64 };
        using (var writer = SafetensorsWriter.Create(path, types.Select(type => new SafetensorsDeclaration(type.ToString(), type, [Rows, Columns]))))
        {
            foreach (var type in types)
            {
                // Pieces of an odd size, so that they end inside vectors and rows.
                for (var at = 0; at < values.Length; at += 70001) writer.WriteFloats(type.ToString(), values.AsSpan(at, Math.Min(70001, values.Length - at)));
            }
            writer.Commit();
        }

        using var file = SafetensorsFile.Open(path);
        foreach (var type in types)
        {
            var tensor = file[type.ToString()];
            var all = new float[values.Length];
            tensor.ReadFloats(0, all);
            Assert.Equal(values, all);
            var rows = new float[3 * Columns];
            tensor.ReadRows(Rows - 3, rows);
            Assert.Equal(values[((Rows - 3) * Columns)..], rows);
            Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadRows(Rows - 2, rows));
            Assert.Throws<ArgumentException>(() => tensor.ReadRows(0, new float[Columns + 1]));
        }
    }

    [Fact]
    public void Golden_tensors_have_the_bytes_that_an_independent_reader_finds()
    {
        var path = TestData.FullGolden("models/qwen2-vit6b/hf/model.safetensors");
        var bytes = File.ReadAllBytes(path);
        var headerLength = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, headerLength));
        using var file = SafetensorsFile.Open(path);
        var count = 0;
        foreach (var property in header.RootElement.EnumerateObject().Where(property => property.Name != "__metadata__"))
        {
            var offsets = property.Value.GetProperty("data_offsets");
            var expected = bytes.AsSpan(8 + headerLength + offsets[0].GetInt32(), offsets[1].GetInt32() - offsets[0].GetInt32());
            var tensor = file[property.Name];
            var found = new byte[tensor.ByteCount];
            tensor.ReadBytes(0, found);
            Assert.True(expected.SequenceEqual(found), property.Name);
            var floats = new float[tensor.ElementCount];
            tensor.ReadFloats(0, floats);
            for (var i = 0; i < floats.Length; i++)
                Assert.Equal((uint)BinaryPrimitives.ReadUInt16LittleEndian(expected[(2 * i)..]) << 16, BitConverter.SingleToUInt32Bits(floats[i]));
            count++;
        }
        Assert.Equal(file.Tensors.Count, count);
        Assert.Equal(67, count);
    }

    internal static string WriteRaw(TemporaryFolder folder, string header, byte[] data)
    {
        var path = folder.File("raw.safetensors");
        var text = Encoding.UTF8.GetBytes(header);
        using var stream = File.Create(path);
        stream.Write(BitConverter.GetBytes((ulong)text.Length));
        stream.Write(text);
        stream.Write(data);
        return path;
    }
}
