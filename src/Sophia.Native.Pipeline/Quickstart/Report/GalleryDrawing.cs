using System.Text;
using Sophia.Native.Data.Images;

namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>Writes a scene of the gallery: the picture beside its truth, the captions with their rewards, the answers with false statements marked.</summary>
internal static class GalleryDrawing
{
    private const string ThinkingEnd = "</think>";

    public static void Write(GalleryItem item, StringBuilder page)
    {
        page.Append($"<div class=\"card item\"><figure><img width=\"56\" height=\"56\" alt=\"{HtmlText.Escape(WorldLanguage.Caption(item.Scene.Objects))}\" src=\"data:image/png;base64,{Picture(item.Scene)}\"/><ul>");
        foreach (SceneObject one in item.Scene.Objects) page.Append($"<li>{HtmlText.Escape(WorldLanguage.Describe(one))}</li>");
        page.Append($"</ul></figure><div><h3>{HtmlText.Escape(item.Question)} <span class=\"right\">{HtmlText.Escape(item.Gold)}</span></h3>");
        if (item.Captions.Count > 0)
        {
            page.Append("<h4>captions and the share of right answers from each</h4><div class=\"captions\">");
            foreach (GalleryCaption caption in item.Captions) WriteCaption(caption, item.Scene, page);
            page.Append("</div>");
            if (!item.Captions.Any(caption => caption.IsSelected)) page.Append("<p class=\"note\">Nothing of this pair is learned.</p>");
        }

        foreach (GalleryAnswer answer in item.Answers)
        {
            page.Append($"<h4>{HtmlText.Escape(answer.Source)} <span class=\"{(answer.IsRight ? "right\">✓ right" : "wrong\">✗ wrong")}</span></h4>");
            WriteAnswer(answer.Text, item.Scene, page);
        }

        page.Append("</div></div>\n");
    }

    private static void WriteCaption(GalleryCaption caption, Scene scene, StringBuilder page)
    {
        page.Append($"<span class=\"number {(caption.Passes ? "passes" : "fails")}\">{HtmlText.Number(caption.Reward * 100, 0)} %</span>")
            .Append($"<span class=\"number {(caption.Passes ? "passes\">✓ passes" : "fails\">– held back")}{(caption.IsSelected ? ", chosen" : "")}</span>")
            .Append(caption.IsSelected ? "<span class=\"text chosen\">" : "<span class=\"text\">");
        WriteMarked(caption.Text, 0, caption.Text.Length, ClaimParser.Parse(caption.Text), scene, page);
        page.Append("</span>");
    }

    private static void WriteAnswer(string text, Scene scene, StringBuilder page)
    {
        int thinkingEnd = text.LastIndexOf(ThinkingEnd, StringComparison.Ordinal);
        int cut = thinkingEnd < 0 ? 0 : thinkingEnd + ThinkingEnd.Length;
        List<Claim> claims = ClaimParser.Parse(text);
        page.Append("<p class=\"answer\">");
        if (cut > 0)
        {
            page.Append("<span class=\"thinking\">");
            WriteMarked(text, 0, cut, claims, scene, page);
            page.Append("</span>");
        }

        WriteMarked(text, cut, text.Length, claims, scene, page);
        page.Append("</p>");
    }

    /// <summary>Writes a part of a text and marks the statements in it that the scene does not bear out.</summary>
    private static void WriteMarked(string text, int start, int end, List<Claim> claims, Scene scene, StringBuilder page)
    {
        int written = start;
        foreach (Claim claim in claims)
        {
            if (claim.Start < written || claim.Start + claim.Length > end || scene.Contains(claim.Object)) continue;
            page.Append(HtmlText.Escape(text.AsSpan(written, claim.Start - written))).Append("<mark title=\"not in the image\">");
            written = claim.Start + claim.Length;
            page.Append(HtmlText.Escape(text.AsSpan(claim.Start, claim.Length))).Append("</mark>");
        }

        page.Append(HtmlText.Escape(text.AsSpan(written, end - written)));
    }

    private static string Picture(Scene scene)
    {
        byte[] rgb = new byte[SceneRenderer.ImageBytes];
        SceneRenderer.Render(scene, rgb);
        return Convert.ToBase64String(PngEncoder.Encode(new RgbImage(SceneRenderer.ImagePixels, SceneRenderer.ImagePixels, rgb)));
    }
}
