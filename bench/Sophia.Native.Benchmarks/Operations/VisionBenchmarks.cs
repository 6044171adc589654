using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: rows that change places, at 448 x 448 tiles in patches of 14; the position table goes from a grid of 16 to one of 32.</summary>
public class VisionBenchmarks : OperationBenchmarks
{
    private const int TileSize = 448;
    private const int PatchSize = 14;
    private const int Grid = TileSize / PatchSize;
    private const int TrainedGrid = 16;

    private DeviceView _patches, _pixels, _embedded, _tokens, _classToken, _positions, _trainedPositions, _joined;

    [Params(1, 4)]
    public int Tiles { get; set; }

    protected override void Prepare()
    {
        (_patches, _pixels) = (Matrix(Tiles * Grid * Grid, 3 * PatchSize * PatchSize), Matrix(Tiles, 3 * TileSize * TileSize));
        (_embedded, _tokens) = (Matrix(Tiles * Grid * Grid, VisionChannels), Matrix(Tiles * (1 + Grid * Grid), VisionChannels));
        (_classToken, _positions, _trainedPositions) = (Vector(VisionChannels), Matrix(1 + Grid * Grid, VisionChannels), Matrix(1 + TrainedGrid * TrainedGrid, VisionChannels));
        _joined = Matrix(Tiles * Grid * Grid / 4, 4 * VisionChannels);
    }

    [Benchmark]
    public void PatchExtract()
    {
        Backend.PatchExtract(_patches, _pixels, TileSize, TileSize, PatchSize);
        Backend.Synchronize();
    }

    [Benchmark]
    public void VisionTokensForward()
    {
        Backend.VisionTokensForward(_tokens, _embedded, _classToken, _positions);
        Backend.Synchronize();
    }

    [Benchmark]
    public void VisionTokensBackward()
    {
        Backend.VisionTokensBackward(_embedded, _classToken, _positions, _tokens, Grid * Grid);
        Backend.Synchronize();
    }

    [Benchmark]
    public void PositionInterpolationForward()
    {
        Backend.PositionInterpolationForward(_positions, _trainedPositions, Grid, Grid);
        Backend.Synchronize();
    }

    [Benchmark]
    public void PositionInterpolationBackward()
    {
        Backend.PositionInterpolationBackward(_trainedPositions, _positions, Grid, Grid);
        Backend.Synchronize();
    }

    [Benchmark]
    public void PixelShuffleForward()
    {
        Backend.PixelShuffleForward(_joined, _tokens, Grid, Grid);
        Backend.Synchronize();
    }

    [Benchmark]
    public void PixelShuffleBackward()
    {
        Backend.PixelShuffleBackward(_tokens, _joined, Grid, Grid);
        Backend.Synchronize();
    }
}
