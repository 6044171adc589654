using System.Security.Cryptography;
using Sophia.Native.Pipeline.Quickstart;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class WorldTests
{
    [Fact]
    public void Scenes_questions_and_pictures_depend_on_seed_and_index_alone()
    {
        byte[] first = new byte[SceneRenderer.ImageBytes], again = new byte[SceneRenderer.ImageBytes];
        for (long index = 0; index < 50; index++) SceneRenderer.Render(new World(7).CreateScene(index), first);
        for (long index = 49; index >= 0; index--)
        {
            Scene one = new World(7).CreateScene(index), two = new World(7).CreateScene(index);
            Assert.Equal(one.Objects, two.Objects);
            Assert.Equal(new World(7).CreateQuestion(index, 3), new World(7).CreateQuestion(index, 3));
            SceneRenderer.Render(one, first);
            SceneRenderer.Render(two, again);
            Assert.Equal(first, again);
        }
    }

    [Fact]
    public void The_picture_of_a_scene_is_the_same_bytes_on_every_machine()
    {
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        SceneRenderer.Render(new World(1).CreateScene(1), rgb);
        Assert.Equal("3d5fecfb50d05ce9d7e591aeb177b0b0eeee93c43511c80c7054aea3b3415d14", Convert.ToHexStringLower(SHA256.HashData(rgb)));
    }

    [Fact]
    public void Different_seeds_and_indices_give_different_scenes_and_pictures()
    {
        var pictures = new HashSet<string>();
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        for (ulong seed = 0; seed < 5; seed++)
        {
            for (long index = 0; index < 200; index++)
            {
                SceneRenderer.Render(new World(seed).CreateScene(index), rgb);
                pictures.Add(Convert.ToHexString(SHA256.HashData(rgb)));
            }
        }

        Assert.Equal(1000, pictures.Count);
    }

    [Fact]
    public void Counts_cells_and_attributes_are_uniform()
    {
        const int Scenes = 30_000;
        int[] counts = new int[5], cells = new int[4], sizes = new int[2], colors = new int[4], shapes = new int[3], questions = new int[3];
        int objects = 0;
        var world = new World(11);
        for (int index = 0; index < Scenes; index++)
        {
            Scene scene = world.CreateScene(index);
            counts[scene.Objects.Length]++;
            questions[world.CreateQuestion(index).Only switch { null => 0, ObjectSize.Small => 1, _ => 2 }]++;
            foreach (SceneObject one in scene.Objects)
            {
                objects++;
                cells[(int)one.Cell]++;
                sizes[(int)one.Size]++;
                colors[(int)one.Color]++;
                shapes[(int)one.Shape]++;
            }
        }

        Assert.Equal(0, counts[0] + counts[1]);
        AssertShares([1 / 3.0, 1 / 3.0, 1 / 3.0], counts[2..], Scenes);
        AssertShares([.25, .25, .25, .25], cells, objects);
        AssertShares([.5, .5], sizes, objects);
        AssertShares([.25, .25, .25, .25], colors, objects);
        AssertShares([1 / 3.0, 1 / 3.0, 1 / 3.0], shapes, objects);
        AssertShares([.5, .25, .25], questions, Scenes);
    }

    [Fact]
    public void The_questions_of_a_scene_differ_from_number_to_number()
    {
        int different = 0;
        var world = new World(2);
        for (int index = 0; index < 1000; index++) different += world.CreateQuestion(index, 0) != world.CreateQuestion(index, 1) ? 1 : 0;
        Assert.InRange(different, 560, 690); // 1 - (1/4 + 1/16 + 1/16) = .625, five standard errors about .077
    }

    [Fact]
    public void An_object_shows_its_color_where_it_stands_and_grey_elsewhere()
    {
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        for (int cell = 0; cell < 4; cell++)
        {
            for (int color = 0; color < 4; color++)
            {
                SceneRenderer.Render(new Scene(3, cell * 4 + color, [new SceneObject((WorldCell)cell, ObjectSize.Small, (ObjectColor)color, ObjectShape.Circle)]), rgb);
                for (int other = 0; other < 4; other++)
                {
                    (double red, double green, double blue) = CenterOf(rgb, other);
                    double spread = Math.Max(red, Math.Max(green, blue)) - Math.Min(red, Math.Min(green, blue));
                    if (other != cell)
                    {
                        Assert.InRange(spread, 0, 20);
                        Assert.InRange(red, .33 * 255, .67 * 255);
                        continue;
                    }

                    Assert.Equal((ObjectColor)color, Nearest(red, green, blue));
                }
            }
        }
    }

    [Fact]
    public void Big_covers_more_than_small_and_a_square_more_than_a_circle()
    {
        double smallCircle = Area(ObjectSize.Small, ObjectShape.Circle), bigCircle = Area(ObjectSize.Big, ObjectShape.Circle), bigSquare = Area(ObjectSize.Big, ObjectShape.Square);
        double bigTriangle = Area(ObjectSize.Big, ObjectShape.Triangle);

        // Mean radius 6.5 and 10.25; the squares of U(6, 7) and U(9.5, 11) have means 42.33 and 105.25.
        Assert.InRange(smallCircle, .93 * Math.PI * 42.33, 1.07 * Math.PI * 42.33);
        Assert.InRange(bigCircle, .95 * Math.PI * 105.25, 1.05 * Math.PI * 105.25);
        Assert.InRange(bigSquare, .95 * 4 * 105.25, 1.05 * 4 * 105.25);
        Assert.InRange(bigTriangle, .95 * 1.8706 * 105.25, 1.05 * 1.8706 * 105.25); // 3 sqrt(3) / 4 * 1.2^2
    }

    [Fact]
    public void Noise_has_the_stated_deviation()
    {
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        SceneRenderer.Render(new Scene(5, 5, []), rgb);
        double mean = 0, square = 0;
        foreach (byte value in rgb) mean += value;
        mean /= rgb.Length;
        foreach (byte value in rgb) square += (value - mean) * (value - mean);
        Assert.InRange(Math.Sqrt(square / rgb.Length), .97 * SceneRenderer.Noise * 255, 1.03 * SceneRenderer.Noise * 255);
    }

    [Fact]
    public void Rendering_allocates_nothing()
    {
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        Scene scene = new World(1).CreateScene(0);
        SceneRenderer.Render(scene, rgb);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++) SceneRenderer.Render(scene, rgb);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void A_scene_refuses_two_objects_in_a_cell_and_unknown_values()
    {
        SceneObject one = new(WorldCell.Northeast, ObjectSize.Big, ObjectColor.Red, ObjectShape.Circle);
        Assert.Contains("follows one in Northeast", Assert.Throws<ArgumentException>(() => new Scene(0, 0, [one, one])).Message);
        Assert.Throws<ArgumentException>(() => new Scene(0, 0, [one with { Shape = (ObjectShape)3 }]));
        Assert.Throws<ArgumentException>(() => SceneRenderer.Render(new Scene(0, 0, [one]), new byte[10]));
    }

    private static void AssertShares(double[] expected, int[] found, int total)
    {
        Assert.Equal(total, found.Sum());
        for (int i = 0; i < expected.Length; i++)
        {
            double tolerance = 5 * Math.Sqrt(expected[i] * (1 - expected[i]) / total);
            Assert.InRange((double)found[i] / total, expected[i] - tolerance, expected[i] + tolerance);
        }
    }

    /// <summary>Mean color of the 5 x 5 pixels in the middle of a cell.</summary>
    private static (double Red, double Green, double Blue) CenterOf(byte[] rgb, int cell)
    {
        double[] sums = new double[3];
        for (int row = 12; row < 17; row++)
        {
            for (int column = 12; column < 17; column++)
            {
                int at = ((cell / 2 * 28 + row) * 56 + cell % 2 * 28 + column) * 3;
                for (int channel = 0; channel < 3; channel++) sums[channel] += rgb[at + channel] / 25.0;
            }
        }

        return (sums[0], sums[1], sums[2]);
    }

    private static ObjectColor Nearest(double red, double green, double blue)
    {
        double[][] colors = [[.85, .2, .2], [.2, .7, .25], [.2, .3, .85], [.85, .8, .2]];
        return (ObjectColor)Enumerable.Range(0, 4).MinBy(i => Math.Pow(colors[i][0] * 255 - red, 2) + Math.Pow(colors[i][1] * 255 - green, 2) + Math.Pow(colors[i][2] * 255 - blue, 2));
    }

    /// <summary>Mean number of pixels that a blue object covers, from the blue channel's excess over the background of an empty cell.</summary>
    private static double Area(ObjectSize size, ObjectShape shape)
    {
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        double area = 0;
        const int Pictures = 200;
        for (int index = 0; index < Pictures; index++)
        {
            SceneRenderer.Render(new Scene(9, index, [new SceneObject(WorldCell.Northwest, size, ObjectColor.Blue, shape)]), rgb);
            double background = 0, center = 0, sum = 0;
            for (int i = 0; i < 28 * 28; i++) background += rgb[((i / 28 + 28) * 56 + i % 28 + 28) * 3 + 2] / 784.0;
            for (int i = 0; i < 25; i++) center += rgb[((i / 5 + 12) * 56 + i % 5 + 12) * 3 + 2] / 25.0;
            for (int i = 0; i < 28 * 28; i++) sum += rgb[(i / 28 * 56 + i % 28) * 3 + 2] - background;
            area += sum / (center - background) / Pictures;
        }

        return area;
    }
}
