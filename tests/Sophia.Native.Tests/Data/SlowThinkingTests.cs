using System.Text.Json;
using Sophia.Native.Data.Chat;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class SlowThinkingTests
{
    [Theory]
    [InlineData("<think>\nI count the apples one by one.\n</think>\n\nThe answer is \\boxed{3}.", true)]
    [InlineData("<think>I count the apples one by one.</think>\\boxed{3}", true)]
    [InlineData("<think>exactly twenty chars</think>\\boxed{3}", false)]
    [InlineData("<think>exactly 21 characters</think>\\boxed{3}", true)]
    [InlineData("<think>I count the apples one by one.</think>\n\nThe answer is 3.", false)]
    [InlineData("<think>I count \\boxed{3} apples, one by one.</think>\n\nThe answer is 3.", false)]
    [InlineData("<think>I count the apples one by one.</think>\\boxed{3", false)]
    [InlineData("<think>I count the apples one by one.</think>", false)]
    [InlineData("<think>I count the apples one by one.", false)]
    [InlineData(" <think>I count the apples one by one.</think>\\boxed{3}", false)]
    [InlineData("<think><think>I count the apples one by one.</think>\\boxed{3}", false)]
    [InlineData("<think>I count the apples one by one.</think>\\boxed{3}</think>", false)]
    [InlineData("<think>I count the apples one by one.</think>\\boxed{3}<think>", false)]
    [InlineData("</think><think>I count the apples one by one.\\boxed{3}", false)]
    [InlineData("\\boxed{3}", false)]
    [InlineData("", false)]
    public void The_format_rule_holds(string response, bool wellFormed) => Assert.Equal(wellFormed, SlowThinking.IsWellFormed(response));

    [Fact]
    public void Thinking_and_answer_are_told_apart()
    {
        Assert.True(SlowThinking.TrySplit("<think>\nSo.\n</think>\n\n42\n", out string thinking, out string answer));
        Assert.Equal("\nSo.\n", thinking);
        Assert.Equal("42", answer);
    }

    [Fact]
    public void The_system_message_is_that_of_the_golden_conversation() =>
        Assert.Contains(Qwen2TokenizerTests.JsonLinesOf("tokenizer/chat.jsonl"), line => line.GetProperty("system").GetString() == SlowThinking.SystemMessage
            && line.GetProperty("question").GetString()!.EndsWith(SlowThinking.QuestionSuffix, StringComparison.Ordinal));
}
