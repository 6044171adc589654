using System.Text;
using CsCheck;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class IncrementalDecoderTests
{
    [Fact]
    public void The_pieces_together_are_the_decoded_text()
    {
        Qwen2Tokenizer bytes = SmallTokenizer.Create().WithInternVLTokens();
        Gen.Int[-2, 300].Array[0, 60].Sample(ids =>
        {
            foreach (bool skip in (ReadOnlySpan<bool>)[false, true])
            {
                IncrementalDecoder decoder = new(bytes, skip);
                StringBuilder text = new();
                foreach (int id in ids) text.Append(decoder.Append(id));
                text.Append(decoder.Flush());
                Assert.Equal(bytes.Decode(ids, skip), text.ToString());
            }
        }, iter: 5_000);
    }

    [Fact]
    public void An_incomplete_character_is_held_back_and_comes_whole()
    {
        IncrementalDecoder decoder = new(SmallTokenizer.Create());
        byte[] emoji = Encoding.UTF8.GetBytes("👍");
        Assert.Equal(["", "", "", "👍"], emoji.Select(value => decoder.Append(value)));
        Assert.Equal("", decoder.Append(emoji[0]));
        Assert.Equal("\uFFFDa", decoder.Append('a'));
        Assert.Equal("", decoder.Append(emoji[0]));
        Assert.Equal("\uFFFD", decoder.Flush());
        Assert.Equal("b", decoder.Append('b'));
    }
}
