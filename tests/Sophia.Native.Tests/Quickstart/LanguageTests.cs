using Sophia.Native.Pipeline.Quickstart;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class LanguageTests
{
    private static readonly SceneObject BigRedSquare = new(WorldCell.Northwest, ObjectSize.Big, ObjectColor.Red, ObjectShape.Square);
    private static readonly SceneObject SmallBlueCircle = new(WorldCell.Southeast, ObjectSize.Small, ObjectColor.Blue, ObjectShape.Circle);

    [Fact]
    public void A_caption_names_the_objects_in_reading_order() =>
        Assert.Equal("northwest big red square; southeast small blue circle.", WorldLanguage.Caption([BigRedSquare, SmallBlueCircle]));

    [Fact]
    public void The_claims_of_a_caption_are_the_objects_of_its_scene()
    {
        for (int index = 0; index < 500; index++)
        {
            Scene scene = new World(4).CreateScene(index);
            Assert.Equal(scene.Objects.ToArray(), Claims(WorldLanguage.Caption(scene.Objects)));
        }
    }

    [Theory]
    [InlineData("at northwest there is a big red square + two = two.", 1)]
    [InlineData("northwest a big red square, northwest there is a big red square, yes, correct.", 2)]
    [InlineData("northwest southeast big red square", 1)]
    [InlineData("northwest big red square southeast small blue circle", 2)]
    [InlineData("northwest big red; square", 0)]
    [InlineData("northwest red big square", 0)]
    [InlineData("northwest, big red square", 0)]
    [InlineData("northwest bigred square", 0)]
    [InlineData("Northwest big red square", 0)]
    [InlineData("southwest none; northwest", 0)]
    [InlineData("northwest there is a", 0)]
    [InlineData("there is a big red square", 0)]
    [InlineData("", 0)]
    public void Claims_are_read_word_by_word_and_nonsense_is_passed_over(string text, int count) => Assert.Equal(count, ClaimParser.Parse(text).Count);

    [Fact]
    public void A_claim_knows_where_it_stands_in_the_text()
    {
        const string Text = "okay. at northwest there is a big red square + two = two.";
        Claim claim = Assert.Single(ClaimParser.Parse(Text));
        Assert.Equal("northwest there is a big red square", Text.Substring(claim.Start, claim.Length));
        Assert.Equal(BigRedSquare, claim.Object);
    }

    [Fact]
    public void The_gold_answer_is_the_sum_found_by_looking_at_every_cell()
    {
        var world = new World(21);
        for (int index = 0; index < 2000; index++)
        {
            Scene scene = world.CreateScene(index);
            PriceQuestion question = world.CreateQuestion(index);
            int sum = 0;
            for (int cell = 0; cell < 4; cell++)
            {
                if (scene.At((WorldCell)cell) is not { } one) continue;
                bool counts = question.Text.Contains("all the ") || question.Text.Contains(one.Size == ObjectSize.Small ? "all small " : "all big ");
                if (counts) sum += one.Shape == ObjectShape.Circle ? 1 : one.Shape == ObjectShape.Square ? 2 : 3;
            }

            Assert.Equal(sum, question.Answer(scene.Objects));
            Assert.Equal(WorldLanguage.Number(sum), question.AnswerText(scene));
        }
    }

    [Fact]
    public void A_question_is_read_back_from_its_text()
    {
        foreach (PriceQuestion question in new PriceQuestion[] { new(null), new(ObjectSize.Small), new(ObjectSize.Big) })
        {
            Assert.True(PriceQuestion.TryParse($" {question.Text}\n", out PriceQuestion read));
            Assert.Equal(question, read);
        }

        Assert.False(PriceQuestion.TryParse("price of all red objects?", out _));
        Assert.False(PriceQuestion.TryParse(null, out _));
    }

    [Fact]
    public void Numbers_outside_the_words_are_refused()
    {
        Assert.Equal("twenty", WorldLanguage.Number(20));
        Assert.Throws<ArgumentOutOfRangeException>(() => WorldLanguage.Number(21));
        Assert.Throws<ArgumentOutOfRangeException>(() => WorldLanguage.Number(-1));
    }

    private static SceneObject[] Claims(string text) => ClaimParser.Parse(text).Select(claim => claim.Object).ToArray();
}
