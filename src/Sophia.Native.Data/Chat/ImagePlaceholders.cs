using System.Collections.Immutable;
using System.Globalization;
using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Data.Chat;

/// <summary>
/// Puts the visual tokens of images into the user's turns. <c>&lt;image&gt;</c> markers take the images from left to right; without any marker, one per image and a
/// line feed each are put before the first user turn: <c>&lt;image&gt;\n</c>, of several <c>Image-1: &lt;image&gt;\nImage-2: &lt;image&gt;\n</c>, of a video <c>Frame1: &lt;image&gt;\n</c> and so on. MathVision writes <c>&lt;image1&gt;</c>, <c>&lt;image2&gt;</c>: the first marker of each number takes the image of that number;
/// where several numbers meet one image (its parts were joined into one picture) the first marker takes it and the others stay text.
/// </summary>
internal sealed class ImagePlaceholders
{
    private const string Marker = "<image>";
    private const string NumberedMarkerStart = "<image";

    private readonly int[] _tilesPerImage;
    private readonly int _tokensPerTile;
    private readonly bool _areFrames;
    private readonly bool _numbered;
    private readonly ImmutableArray<int>.Builder _order = ImmutableArray.CreateBuilder<int>();
    private bool _prepend;

    /// <exception cref="ArgumentException">Images and markers do not match.</exception>
    public ImagePlaceholders(ReadOnlySpan<ChatTurn> turns, ReadOnlySpan<int> tilesPerImage, ChatTemplateOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.TokensPerTile);
        foreach (int tiles in tilesPerImage) ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tiles, nameof(tilesPerImage));
        _tilesPerImage = tilesPerImage.ToArray();
        _tokensPerTile = options.TokensPerTile;
        _areFrames = options.ImagesAreFrames;
        int plain = 0, users = 0;
        HashSet<int> numbers = [];
        foreach (ChatTurn turn in turns)
        {
            if (turn.Role != ChatRole.User) continue;
            users++;
            plain += turn.Text.AsSpan().Count(Marker);
            for (int at = 0; FindNumbered(turn.Text, ref at, out int length, out int number); at += length) numbers.Add(number);
        }

        int images = tilesPerImage.Length;
        if (images > 0 && users == 0) throw new ArgumentException($"Expected a user's turn to show the {images} images in, found none.", nameof(turns));
        if (plain > 0)
        {
            if (plain != images) throw new ArgumentException($"Expected one {Marker} marker for each image, found {plain} markers and {images} images.", nameof(turns));
        }
        else if (numbers.Count > 0 && images > 0)
        {
            _numbered = true;
            for (int number = 1; images > 1 && number <= images; number++)
            {
                if (!numbers.Remove(number)) throw new ArgumentException($"Expected a marker for each of the {images} images, found no <image{number}>.", nameof(turns));
            }

            foreach (int number in numbers)
            {
                if (images > 1) throw new ArgumentException($"Expected markers <image1> to <image{images}> for {images} images, found <image{number}>.", nameof(turns));
            }
        }
        else
        {
            _prepend = images > 0;
        }
    }

    /// <summary>Which image each block of visual tokens shows; complete when all turns are expanded.</summary>
    public ImmutableArray<int> Order => _order.ToImmutable();

    /// <summary>Adds the text of the next user turn with its images.</summary>
    public void Expand(string text, ChatTemplate.PieceList pieces)
    {
        if (_prepend)
        {
            _prepend = false;
            for (int image = 0; image < _tilesPerImage.Length; image++)
            {
                if (_areFrames) pieces.AddText($"Frame{image + 1}: ");
                else if (_tilesPerImage.Length > 1) pieces.AddText($"Image-{image + 1}: ");
                AddImage(image, pieces);
                pieces.AddText("\n");
            }
        }

        int copied = 0, at = 0;
        while (FindMarker(text, ref at, out int length, out int image))
        {
            if (!_order.Contains(image))
            {
                pieces.AddText(text[copied..at]);
                AddImage(image, pieces);
                copied = at + length;
            }

            at += length;
        }

        pieces.AddText(text[copied..]);
    }

    private void AddImage(int image, ChatTemplate.PieceList pieces)
    {
        _order.Add(image);
        pieces.AddToken(InternVLTokens.ImageStart, 1);
        pieces.AddToken(InternVLTokens.ImageContext, checked(_tilesPerImage[image] * _tokensPerTile));
        pieces.AddToken(InternVLTokens.ImageEnd, 1);
    }

    private bool FindMarker(string text, ref int at, out int length, out int image)
    {
        if (_numbered)
        {
            bool found = FindNumbered(text, ref at, out length, out int number);
            image = _tilesPerImage.Length == 1 ? 0 : number - 1;
            return found;
        }

        int position = _order.Count < _tilesPerImage.Length ? text.IndexOf(Marker, at, StringComparison.Ordinal) : -1;
        length = Marker.Length;
        image = _order.Count;
        if (position >= 0) at = position;
        return position >= 0;
    }

    /// <summary>Finds the next <c>&lt;imageN&gt;</c> with N from 1 to 9999 and moves <paramref name="at"/> to it.</summary>
    private static bool FindNumbered(string text, ref int at, out int length, out int number)
    {
        while ((at = text.IndexOf(NumberedMarkerStart, at, StringComparison.Ordinal)) >= 0)
        {
            int digits = at + NumberedMarkerStart.Length, end = digits;
            while (end < text.Length && end < digits + 4 && char.IsAsciiDigit(text[end])) end++;
            if (end > digits && end < text.Length && text[end] == '>' && text[digits] != '0')
            {
                number = int.Parse(text.AsSpan(digits..end), NumberStyles.None, CultureInfo.InvariantCulture);
                length = end + 1 - at;
                return true;
            }

            at = digits;
        }

        length = number = 0;
        return false;
    }
}
