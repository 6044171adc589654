using System.CommandLine;
using System.Security.Cryptography;
using Sophia.Native.Data.Images;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia tiles</c>: the grid of an image, its tiles as PNG, and the SHA-256 of each tile's raw RGB bytes.</summary>
internal static class TilesCommand
{
    public static Command Create()
    {
        var image = new Option<string>("--image") { Description = "PNG or JPEG", Required = true };
        var maximum = new Option<int>("--max-tiles") { Description = "most tiles without the thumbnail", DefaultValueFactory = _ => 12 };
        var output = new Option<string>("--out") { Description = "folder for the tiles", Required = true };
        var command = new Command("tiles", "Cuts an image into tiles as InternVL does.") { image, maximum, output };
        command.SetAction(parsed => Run(new(parsed), parsed.GetValue(image)!, parsed.GetValue(maximum), parsed.GetValue(output)!));
        return command;
    }

    private static int Run(CommandOutput output, string path, int maximum, string folder)
    {
        if (maximum is < 1 or > 1024)
            throw new UsageException($"--max-tiles: expected 1 to 1024, found {maximum}.");
        OutputPlace.RequireFolder(folder);
        var set = ImageTiler.Tile(ImageDecoder.Load(path), new() { MaximumTiles = maximum });
        Directory.CreateDirectory(folder);
        for (var tile = 0; tile < set.Tiles.Length; tile++)
            PngEncoder.Save(set.Tiles[tile], Path.Combine(folder, Name(tile)));
        // Tiles that an image of more tiles has left here would pass for this one's.
        for (var tile = set.Tiles.Length; File.Exists(Path.Combine(folder, Name(tile))); tile++)
            File.Delete(Path.Combine(folder, Name(tile)));
        output.Records(null, lines => lines.Write(json =>
        {
            json.WriteStartArray("grid");
            json.WriteNumberValue(set.Grid.Columns);
            json.WriteNumberValue(set.Grid.Rows);
            json.WriteEndArray();
            json.WriteStartArray("tiles");
            foreach (var tile in set.Tiles)
            {
                json.WriteStartObject();
                json.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(tile.Pixels)));
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }));
        return 0;
    }

    private static string Name(int tile) => $"tile-{tile:D2}.png";
}
