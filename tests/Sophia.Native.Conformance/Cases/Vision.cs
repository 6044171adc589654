using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> VisionCases() => [.. PatchExtracts(), .. VisionTokens(), .. PositionInterpolations(), .. PixelShuffles()];

    private static IEnumerable<OperationCase> PatchExtracts()
    {
        (int Tiles, int Height, int Width, int Patch)[] shapes = [(0, 4, 4, 2), (1, 1, 1, 1), (1, 14, 28, 14), (2, 6, 9, 3), (3, 28, 28, 7), (7, 4, 8, 4)];
        foreach (var (tiles, height, width, patch) in shapes)
        {
            yield return new("PatchExtract", $"{tiles} tiles of {height} x {width}, patches of {patch}", (instance, random) =>
            {
                var count = height / patch * (width / patch);
                var patches = instance.Output("patches", tiles * count, 3 * patch * patch).Stored().PerRow(count);
                var pixels = instance.Input("pixels", tiles, 3 * height * width, random.Uniform(tiles * 3 * height * width)).PerRow();
                instance.Invoke = (backend, view) => backend.PatchExtract(view(patches), view(pixels), height, width, patch);
                instance.Reference = () =>
                {
                    PatchExtract(patches.Expected, pixels.Values, tiles, height, width, patch);
                    patches.RoundExpected();
                };
            });
        }
    }

    private static IEnumerable<OperationCase> VisionTokens()
    {
        (int Tiles, int Patches, int Channels)[] shapes = [(0, 4, 3), (1, 1, 1), (1, 16, 32), (2, 5, 17), (6, 16, 64), (13, 9, 33), (19, 2, 72)];
        foreach (var (tiles, patchCount, channels) in shapes)
        {
            var shape = $"{tiles} tiles of {patchCount} patches, {channels} channels";
            yield return new("VisionTokensForward", shape, (instance, random) =>
            {
                var output = instance.Output("output", tiles * (1 + patchCount), channels).Stored().PerRow(1 + patchCount).Within(2 * Rounding.Unit, 1e-7, "one sum of values below 1: u");
                var patches = instance.Input("patches", tiles * patchCount, channels, random.Uniform(tiles * patchCount * channels)).Stored().PerRow(patchCount);
                var classToken = instance.InputVector("classToken", random.Uniform(channels)).Stored();
                var positions = instance.Input("positions", 1 + patchCount, channels, random.Uniform((1 + patchCount) * channels)).Stored();
                if (tiles == 0)
                    positions.FreeRows();
                instance.Invoke = (backend, view) => backend.VisionTokensForward(view(output), view(patches), view(classToken), view(positions));
                instance.Reference = () => VisionTokensForward(output.Expected, patches.Values, classToken.Values, positions.Values, tiles, patchCount, channels);
            });
            foreach (var (needsPatches, needsToken, needsPositions) in ((bool, bool, bool)[])[(true, true, true), (false, true, true), (true, false, false)])
            {
                yield return new("VisionTokensBackward", $"{shape}, patches {needsPatches}, token {needsToken}, positions {needsPositions}", (instance, random) =>
                {
                    var dPatches = needsPatches ? instance.Output("dPatches", tiles * patchCount, channels).Stored().PerRow(patchCount).Optional() : null;
                    var dClassToken = needsToken ? instance.AccumulatedVector("dClassToken", random.Uniform(channels)).Optional().Within(0, (1 + tiles) * Rounding.Sum(tiles), SumOfProducts) : null;
                    var dPositions = needsPositions
                        ? instance.Accumulated("dPositions", 1 + patchCount, channels, random.Uniform((1 + patchCount) * channels)).Optional().Within(0, (1 + tiles) * Rounding.Sum(tiles), SumOfProducts)
                        : null;
                    var dOutput = instance.Input("dOutput", tiles * (1 + patchCount), channels, random.Uniform(tiles * (1 + patchCount) * channels)).Stored().PerRow(1 + patchCount);
                    instance.Invoke = (backend, view) => backend.VisionTokensBackward(view(dPatches), view(dClassToken), view(dPositions), view(dOutput), patchCount);
                    instance.Reference = () => VisionTokensBackward(dPatches is null ? default : dPatches.Expected, dClassToken is null ? default : dClassToken.Expected,
                        dPositions is null ? default : dPositions.Expected, dOutput.Values, tiles, patchCount, channels);
                });
            }
        }
    }

    private static IEnumerable<OperationCase> PositionInterpolations()
    {
        const string source = "16 products with weights below 1.2, whose positions are good to u of the grid, at most 16: 4e-6";
        (int Grid, int Height, int Width, int Channels)[] shapes = [(1, 1, 1, 1), (1, 3, 2, 5), (4, 4, 4, 16), (4, 6, 6, 32), (7, 3, 5, 17), (5, 16, 9, 33), (16, 8, 12, 7)];
        foreach (var (grid, height, width, channels) in shapes)
        {
            var shape = $"{grid} x {grid} to {height} x {width}, {channels} channels";
            yield return new("PositionInterpolationForward", shape, (instance, random) =>
            {
                var output = instance.Output("output", 1 + height * width, channels).Stored().Within(0, 4e-6, source);
                var positions = instance.Input("positions", 1 + grid * grid, channels, random.Uniform((1 + grid * grid) * channels)).Stored().FreeRows();
                instance.Invoke = (backend, view) => backend.PositionInterpolationForward(view(output), view(positions), height, width);
                instance.Reference = () => PositionInterpolationForward(output.Expected, positions.Values, grid, height, width, channels);
            });
            yield return new("PositionInterpolationBackward", shape, (instance, random) =>
            {
                var dPositions = instance.Accumulated("dPositions", 1 + grid * grid, channels, random.Uniform((1 + grid * grid) * channels)).FreeRows()
                    .Within(1e-6, 4e-6 * (1 + height * width / (grid * grid)), source);
                var dOutput = instance.Input("dOutput", 1 + height * width, channels, random.Uniform((1 + height * width) * channels));
                instance.Invoke = (backend, view) => backend.PositionInterpolationBackward(view(dPositions), view(dOutput), height, width);
                instance.Reference = () => PositionInterpolationBackward(dPositions.Expected, dOutput.Values, grid, height, width, channels);
            });
        }
    }

    private static IEnumerable<OperationCase> PixelShuffles()
    {
        (int Tiles, int Height, int Width, int Channels)[] shapes = [(0, 2, 2, 3), (1, 2, 2, 1), (1, 4, 6, 17), (3, 4, 4, 32), (5, 2, 8, 7)];
        foreach (var (tiles, height, width, channels) in shapes)
        {
            var shape = $"{tiles} tiles of {height} x {width}, {channels} channels";
            var (tokens, joined) = (1 + height * width, height / 2 * (width / 2));
            yield return new("PixelShuffleForward", shape, (instance, random) =>
            {
                var output = instance.Output("output", tiles * joined, 4 * channels).Stored().PerRow(joined);
                var input = instance.Input("input", tiles * tokens, channels, random.Uniform(tiles * tokens * channels)).Stored().PerRow(tokens);
                instance.Invoke = (backend, view) => backend.PixelShuffleForward(view(output), view(input), height, width);
                instance.Reference = () => PixelShuffleForward(output.Expected, input.Values, tiles, height, width, channels);
            });
            yield return new("PixelShuffleBackward", shape, (instance, random) =>
            {
                var dInput = instance.Output("dInput", tiles * tokens, channels).Stored().PerRow(tokens);
                var dOutput = instance.Input("dOutput", tiles * joined, 4 * channels, random.Uniform(tiles * joined * 4 * channels)).Stored().PerRow(joined);
                instance.Invoke = (backend, view) => backend.PixelShuffleBackward(view(dInput), view(dOutput), height, width);
                instance.Reference = () => PixelShuffleBackward(dInput.Expected, dOutput.Values, tiles, height, width, channels);
            });
        }
    }
}
