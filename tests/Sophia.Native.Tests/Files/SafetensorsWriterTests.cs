using System.Text.Json;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Files;

public class SafetensorsWriterTests
{
    private static readonly SafetensorsDeclaration[] Mixed =
    [
        new("small", FileElementType.U8, [3]), new("wide", FileElementType.F64, [2]), new("b", FileElementType.F32, [2, 2]), new("a", FileElementType.F32, [1]),
    ];

    [Fact]
    public void The_order_of_declaring_and_writing_does_not_change_a_byte()
    {
        using var folder = new TemporaryFolder();
        Write(folder.File("1"), Mixed);
        Write(folder.File("2"), Mixed.Reverse());

        Assert.Equal(File.ReadAllBytes(folder.File("1")), File.ReadAllBytes(folder.File("2")));
        using var file = SafetensorsFile.Open(folder.File("1"));
        Assert.Equal(["wide", "a", "b", "small"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal("pt", file.Metadata["format"]);
        var values = new float[4];
        file["b"].ReadFloats(0, values);
        Assert.Equal([0f, 1f, 2f, 3f], values);
        Assert.Equal(0, (8 + BitConverter.ToInt64(File.ReadAllBytes(folder.File("1")))) % 8);
    }

    private static void Write(string path, IEnumerable<SafetensorsDeclaration> tensors)
    {
        using var writer = SafetensorsWriter.Create(path, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        foreach (var tensor in tensors)
        {
            if (tensor.Type == FileElementType.U8) writer.Write(tensor.Name, [1, 2, 3]);
            else for (var i = 0; i < tensor.ElementCount; i++) writer.WriteFloats(tensor.Name, [i]);
        }
        writer.Commit();
    }

    [Fact]
    public void Without_a_commit_the_former_file_stays_and_nothing_else_is_left()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("model.safetensors", "former");
        using (var writer = SafetensorsWriter.Create(path, Mixed))
        {
            writer.WriteFloats("a", [1]);
            Assert.Contains("lacks", Assert.Throws<InvalidOperationException>(writer.Commit).Message);
        }
        Assert.Equal("former", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Wrong_declarations_and_wrong_amounts_are_refused()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("x");
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [.. Mixed, Mixed[0]]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [new("__metadata__", FileElementType.U8, [1])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [new("a", FileElementType.U8, [-1])]));
        using var writer = SafetensorsWriter.Create(path, Mixed);
        Assert.Throws<ArgumentException>(() => writer.WriteFloats("a", [1, 2]));
        Assert.Throws<ArgumentException>(() => writer.WriteFloats("small", [1]));
        Assert.Throws<ArgumentException>(() => writer.WriteFloats("unknown", [1]));
    }

    [Theory]
    [InlineData(long.MaxValue, 1)]
    [InlineData(40, 1)]
    [InlineData(39, 2)]
    [InlineData(16, 3)]
    [InlineData(1, 4)]
    public void Shards_stay_below_the_limit_and_read_back_as_one(long limit, int expectedFiles)
    {
        var tensors = new SafetensorsDeclaration[] { new("d", FileElementType.F32, [4]), new("c", FileElementType.F32, [2]), new("b", FileElementType.F32, [3]), new("a", FileElementType.F32, [1]) };
        using var folder = new TemporaryFolder();
        using (var writer = SafetensorsFolderWriter.Create(folder.Path, tensors, limit))
        {
            foreach (var tensor in tensors) writer.WriteFloats(tensor.Name, Enumerable.Range(0, (int)tensor.ElementCount).Select(i => (float)i).ToArray());
            writer.Commit();
        }

        var files = Directory.GetFiles(folder.Path, "*.safetensors");
        Assert.Equal(expectedFiles, files.Length);
        Assert.Equal(expectedFiles > 1, File.Exists(folder.File("model.safetensors.index.json")));
        Assert.Equal(expectedFiles + (expectedFiles > 1 ? 1 : 0), Directory.GetFiles(folder.Path).Length);
        using var opened = SafetensorsFolder.Open(folder.Path);
        Assert.Equal(4, opened.Tensors.Count);
        foreach (var file in opened.Files) Assert.True(file.Tensors.Count == 1 || file.Tensors.Sum(tensor => tensor.ByteCount) <= limit);
        var values = new float[3];
        opened.Tensors["b"].ReadFloats(0, values);
        Assert.Equal([0f, 1f, 2f], values);
    }

    [Fact]
    public void Other_weights_in_the_folder_are_not_mixed_with_new_ones()
    {
        using var folder = new TemporaryFolder();
        var tensors = new SafetensorsDeclaration[] { new("a", FileElementType.F32, [1]), new("b", FileElementType.F32, [1]) };
        folder.Write("model.safetensors", "");
        Assert.Contains("model.safetensors", Assert.Throws<IOException>(() => SafetensorsFolderWriter.Create(folder.Path, tensors, 4)).Message);
        File.Delete(folder.File("model.safetensors"));

        for (var round = 0; round < 2; round++)
        {
            using var writer = SafetensorsFolderWriter.Create(folder.Path, tensors, 4);
            writer.WriteFloats("a", [round]);
            // One new and one old shard without an index are no checkpoint.
            Assert.Throws<FileNotFoundException>(() => SafetensorsFolder.Open(folder.Path));
            writer.WriteFloats("b", [round]);
            writer.Commit();
            using var opened = SafetensorsFolder.Open(folder.Path);
            var value = new float[1];
            opened.Tensors["a"].ReadFloats(0, value);
            Assert.Equal(round, value[0]);
        }
        Assert.Throws<IOException>(() => SafetensorsFolderWriter.Create(folder.Path, tensors, 8));
        Assert.Throws<IOException>(() => SafetensorsFolderWriter.Create(folder.Path, [.. tensors, new("c", FileElementType.F32, [1])], 4));
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("/etc/outside.safetensors")]
    [InlineData("sub/inside.safetensors")]
    [InlineData("..\\outside.safetensors")]
    [InlineData("c:outside.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("weights.bin")]
    public void An_index_cannot_lead_out_of_the_folder(string shard)
    {
        using var folder = new TemporaryFolder();
        var inner = Directory.CreateDirectory(folder.File("inner")).FullName;
        File.Move(SafetensorsFileTests.WriteRaw(folder, """{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", []), folder.File("outside.safetensors"));
        var index = Path.Combine(inner, "model.safetensors.index.json");
        File.WriteAllText(index, """{"weight_map": {"a": SHARD}}""".Replace("SHARD", JsonSerializer.Serialize(shard)));

        Assert.StartsWith(index, Assert.Throws<InvalidDataException>(() => SafetensorsFolder.Open(inner)).Message);
    }

    [Fact]
    public void An_index_that_disagrees_with_its_shards_is_an_error()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<FileNotFoundException>(() => SafetensorsFolder.Open(folder.Path));
        File.Move(SafetensorsFileTests.WriteRaw(folder, """{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", []), folder.File("s1.safetensors"));
        File.Move(SafetensorsFileTests.WriteRaw(folder, """{"c":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", []), folder.File("s2.safetensors"));

        Open("""{"weight_map": {"a": "s1.safetensors", "b": "s1.safetensors", "c": "s2.safetensors"}}""").Dispose();
        Assert.Contains("\"b\"", Assert.Throws<InvalidDataException>(() => Open("""{"weight_map": {"a": "s1.safetensors", "c": "s2.safetensors"}}""")).Message);
        Assert.Contains("\"d\"", Assert.Throws<InvalidDataException>(() => Open("""{"weight_map": {"a": "s1.safetensors", "b": "s1.safetensors", "d": "s1.safetensors"}}""")).Message);
        Assert.Contains("\"b\"", Assert.Throws<InvalidDataException>(() => Open("""{"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors", "c": "s2.safetensors"}}""")).Message);
        Assert.Contains("s3", Assert.Throws<FileNotFoundException>(() => Open("""{"weight_map": {"a": "s3.safetensors"}}""")).Message);
        Assert.Contains("weight_map", Assert.Throws<InvalidDataException>(() => Open("""{"a": 1}""")).Message);
        File.Copy(folder.File("s2.safetensors"), folder.File("s4.safetensors"));
        Assert.Contains("also in", Assert.Throws<InvalidDataException>(() => Open("""{"weight_map": {"c": "s2.safetensors", "x": "s4.safetensors"}}""")).Message);

        SafetensorsFolder Open(string index)
        {
            folder.Write("model.safetensors.index.json", index);
            return SafetensorsFolder.Open(folder.Path);
        }
    }
}
