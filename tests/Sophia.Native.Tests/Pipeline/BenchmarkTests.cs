using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Evaluation;
using Sophia.Native.Pipeline.Verification;

namespace Sophia.Native.Tests.Pipeline;

/// <summary>Questions in the published formats of MathVista and OlympiadBench (own questions): how they are read, asked and judged.</summary>
public sealed class BenchmarkTests : IDisposable
{
    /// <summary>One object with the questions by number, as MathVista's testmini.json.</summary>
    private const string MathVista = """
        {
            "1": {
                "question": "How long is the rod?", "image": "images/1.jpg", "choices": null, "unit": "cm", "precision": 1, "answer": "4.2", "question_type": "free_form", "answer_type": "float", "pid": "1",
                "metadata": {"split": "testmini", "language": "english", "source": "own", "category": "general-vqa", "task": "figure question answering", "context": "bar chart", "grade": "elementary school",
                             "skills": ["arithmetic reasoning", "statistical reasoning"]}
            },
            "2": {
                "question": "Which angle is the largest?", "image": "images/2.jpg", "choices": ["40°", "C", "A"], "unit": null, "precision": null, "answer": "A", "question_type": "multi_choice",
                "answer_type": "text", "pid": "2", "metadata": {"language": "english", "task": "geometry problem solving", "skills": ["geometry reasoning"]}
            },
            "3": {
                "question": "How many balls are there?", "image": "images/1.jpg", "choices": null, "unit": null, "precision": null, "answer": "12", "question_type": "free_form", "answer_type": "integer", "pid": "3",
                "metadata": {"language": "english", "task": "visual question answering", "skills": ["arithmetic reasoning"]}
            },
            "4": {
                "question": "Which numbers are missing?", "image": "images/1.jpg", "choices": null, "unit": null, "precision": null, "answer": "[2, 5]", "question_type": "free_form", "answer_type": "list", "pid": "4",
                "metadata": {"language": "english"}
            }
        }
        """;

    /// <summary>A list of questions, as OlympiadBench's data/OE_MM_maths_en_COMP.json.</summary>
    private const string Olympiad = """
        [
            {"id": 7, "subfield": "Geometry", "context": "A rod of length 2 m leans on a wall.", "question": "As shown:\n<img_31>\n<img_32>\nHow high does it reach?", "solution": ["Pythagoras."],
             "final_answer": ["$\\sqrt{3}$"], "is_multiple_answer": false, "unit": "m", "answer_type": "Numerical", "error": "1e-2", "subject": "Physics", "language": "English", "difficulty": "Competition"},
            {"id": 8, "subfield": "Algebra", "context": null, "question": "Solve $x^2=3x-2$.", "solution": ["Factor."], "final_answer": ["1,2"], "is_multiple_answer": true, "unit": null,
             "answer_type": "Numerical", "error": null, "subject": "Math", "language": "English"},
            {"id": 9, "subfield": "Optics", "context": null, "question": "Focal length and magnification?", "solution": [], "final_answer": ["20.0", "3.00"], "is_multiple_answer": true, "unit": null,
             "answer_type": "Numerical,Expression", "error": "1,1e-2", "subject": "Physics", "language": "English"},
            {"id": 10, "subfield": "代数", "context": null, "question": "求$x$。", "solution": [], "final_answer": ["$[0,1)$"], "is_multiple_answer": false, "unit": null, "answer_type": "Interval",
             "error": null, "subject": "Math", "language": "Chinese"}
        ]
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void MathVistas_file_is_read_as_it_is_published()
    {
        var questions = Read("testmini.json", MathVista);
        Assert.Equal(["1", "2", "3", "4"], questions.Select(question => question.Id));
        Assert.Equal(["images/2.jpg"], questions[1].Images);
        Assert.Equal(["40°", "C", "A"], questions[1].Options);
        Assert.Empty(questions[0].Options);
        Assert.Equal(["4.2", "A", "12", "[2, 5]"], questions.Select(question => question.Answer));
    }

    [Fact]
    public void OlympiadBenchs_file_is_read_as_it_is_published()
    {
        _folder.Write("images/31.jpg", "");
        _folder.Write("data/images/32.png", "");
        var questions = Read("data/OE_MM_physics_en_COMP.json", Olympiad);
        Assert.Equal(["7", "8", "9", "10"], questions.Select(question => question.Id));
        Assert.Equal(["../images/31.jpg", "images/32.png"], questions[0].Images);
        Assert.Equal([_folder.File("images/31.jpg"), _folder.File("data/images/32.png")], questions[0].ImagePaths());
        Assert.StartsWith("A rod of length 2 m leans on a wall.\nAs shown:", questions[0].Question);
        Assert.Equal(["$\\sqrt{3}$", "1,2", "20.0, 3.00", "$[0,1)$"], questions.Select(question => question.Answer));
        Assert.DoesNotContain(questions[0].UnknownFields, field => field.Key == "context");
    }

    [Fact]
    public void A_missing_image_of_a_marker_is_an_error_that_names_it()
    {
        var question = Read("data/x.json", Olympiad)[0];
        Assert.Contains(Path.Combine("images", "31.jpg"), Assert.Throws<InvalidDataException>(question.ImagePaths).Message);
    }

    [Theory]
    [InlineData("""{"question":"Why?","final_answer":["1"],"image_1":"a.png","image_2":"b.png","image_3":null}""", new[] { "a.png", "b.png" })]
    [InlineData("""{"question":"Why?","final_answer":["1"],"images":["a.png","b.png"]}""", new[] { "a.png", "b.png" })]
    [InlineData("""{"question":"Why <img_1> <img_x> <img_2","final_answer":["1"]}""", new[] { "../images/1.jpg" })]
    [InlineData("""{"question":"Why <img_1>?","answer":"1"}""", new string[0])]
    public void Images_stand_where_the_copies_of_the_data_set_have_them(string line, string[] images) => Assert.Equal(images, Read("q.jsonl", line + "\n")[0].Images);

    [Fact]
    public void A_question_that_was_written_again_is_asked_and_judged_as_before()
    {
        foreach (var text in (string[])[MathVista, Olympiad])
        {
            var questions = Read("data/q.json", text);
            AtomicFile.WriteRecords(_folder.File("data/again.jsonl"), questions);
            var again = RecordReader.ReadQuestions(_folder.File("data/again.jsonl")).ToList();
            Assert.Equal(questions.Select(Prompts.ForPolicy), again.Select(Prompts.ForPolicy));
            Assert.Equal(questions.Select(question => (question.Id, question.Question, question.Answer, string.Join('|', question.Images))),
                again.Select(question => (question.Id, question.Question, question.Answer, string.Join('|', question.Images))));
        }
    }

    [Fact]
    public void JSON_lines_stay_JSON_lines()
    {
        Assert.Equal(2, Read("a.jsonl", "{\"metadata\":{},\"question\":\"a\",\"answer\":\"1\"}\n{\"question\":\"b\",\"answer\":\"1\"}\n").Count);
        Assert.Equal("a", Assert.Single(Read("b.jsonl", "{\"metadata\":{},\"question\":\"a\"}")).Question);
        Assert.Equal("a", Assert.Single(Read("c.json", "\uFEFF [ {\"question\":\"a\"} ]")).Question);
    }

    [Theory]
    [InlineData("[{\"question\":\"a\"},\n{\"question\":", "expected a JSON array of questions, found broken JSON in line 2")]
    [InlineData("[{\"question\":\"a\"},3]", ":2: expected one JSON object, found the number 3")]
    [InlineData("[{\"answer\":\"a\"}]", ":1: expected a question, a trajectory or a raw record")]
    [InlineData("{\"1\":{\"question\":\"a\"},\n\"2\":{\"question\":4}}", ":2: expected \"question\" to be a text, found the number 4")]
    [InlineData("{\"1\":{\"question\":\"a\"},\n", ":1: expected one JSON object, found broken JSON")]
    public void A_broken_file_is_an_error_that_names_the_place(string text, string part) =>
        Assert.Contains(part, Assert.Throws<InvalidDataException>(() => Read("q.json", text)).Message);

    [Fact]
    public void Questions_are_asked_with_what_their_benchmark_says_of_the_answer()
    {
        var vista = Read("testmini.json", MathVista).ConvertAll(Prompts.ForPolicy);
        Assert.Equal("How long is the rod? (Unit: cm)\nThe answer is a decimal number with one decimal place, such as 1.2.\n" + Prompts.AnswerInstruction, vista[0]);
        Assert.Equal("Which angle is the largest?\nOptions:\n(A) 40°\n(B) C\n(C) A\nThe answer is the letter of the right option, such as A, B, C or D.\n" + Prompts.AnswerInstruction, vista[1]);
        Assert.Contains("The answer is an integer, such as 1, 2 or 3.", vista[2]);
        Assert.Contains("The answer is a list of numbers in square brackets", vista[3]);
        var olympiad = Read("data/q.json", Olympiad).ConvertAll(Prompts.ForPolicy);
        Assert.Equal("This is an open-ended problem from an international physics competition.\nA rod of length 2 m leans on a wall.\nAs shown:\n\n\nHow high does it reach?\n"
            + "The answer is a numerical value. Give the answer in m, and leave the unit out of the box.\n" + Prompts.AnswerInstruction, olympiad[0]);
        Assert.Contains("mathematics competition.\nSolve", olympiad[1]);
        Assert.Contains("It has several answers: put all of them into one \\boxed{}, separated by commas. Each answer is a numerical value.", olympiad[1]);
        Assert.Contains("The answers are, in this order, a numerical value, an expression.", olympiad[2]);
        Assert.Contains("答案的类型为：区间。", olympiad[3]);
        Assert.Equal("What?\n" + Prompts.AnswerInstruction, Prompts.ForPolicy(new() { Id = "1", Question = "What?" }));
    }

    [Theory]
    // Free form: rounded to the decimals that are asked for; another unit is wrong.
    [InlineData(0, "\\boxed{4.2}", true)]
    [InlineData(0, "\\boxed{4.24}", true)]
    [InlineData(0, "\\boxed{4.26}", false)]
    [InlineData(0, "\\boxed{4.2 cm}", true)]
    [InlineData(0, "\\boxed{4.2\\,\\text{centimeters}}", true)]
    [InlineData(0, "\\boxed{4.2 mm}", false)]
    [InlineData(0, "\\boxed{4.2 m}", false)]
    // A choice: the gold answer is the text A, which is option C.
    [InlineData(1, "\\boxed{C}", true)]
    [InlineData(1, "\\boxed{(C) A}", true)]
    [InlineData(1, "\\boxed{A}", false)]
    [InlineData(1, "\\boxed{B}", false)]
    [InlineData(1, "\\boxed{40°}", false)]
    // An integer: decimals are cut off, as the published evaluation does.
    [InlineData(2, "\\boxed{12}", true)]
    [InlineData(2, "\\boxed{12.0}", true)]
    [InlineData(2, "\\boxed{12.9}", true)]
    [InlineData(2, "\\boxed{13}", false)]
    [InlineData(2, "\\boxed{11.9}", false)]
    [InlineData(3, "\\boxed{[2, 5]}", true)]
    [InlineData(3, "\\boxed{[2,5]}", true)]
    [InlineData(3, "\\boxed{[5, 2]}", false)]
    public void MathVistas_answers_are_judged_by_their_type(int question, string response, bool isRight) =>
        Assert.Equal(isRight, AnswerVerifier.Verify(response, Read("testmini.json", MathVista)[question]));

    [Theory]
    [InlineData(0, "So the final answer is \\boxed{1.73}(m).", true)]
    [InlineData(0, "\\boxed{\\sqrt{3}}", true)]
    [InlineData(0, "\\boxed{1.75}", false)]
    [InlineData(0, "\\boxed{1.73\\,\\mathrm{km}}", false)]
    [InlineData(1, "\\boxed{2, 1}", true)]
    [InlineData(1, "\\boxed{x=1, x=2}", true)]
    [InlineData(1, "\\boxed{1} and \\boxed{2}", true)]
    [InlineData(1, "\\boxed{1}", false)]
    [InlineData(1, "\\boxed{1,2,3}", false)]
    // Tolerances of 1 and 0.01 for the two answers.
    [InlineData(2, "\\boxed{20.7, 3.005}", true)]
    [InlineData(2, "\\boxed{3.005, 20.7}", true)]
    [InlineData(2, "\\boxed{20.7, 3.5}", false)]
    [InlineData(2, "\\boxed{21.5, 3.00}", false)]
    [InlineData(3, "\\boxed{[0,1)}", true)]
    [InlineData(3, "\\boxed{[0,1]}", false)]
    public void OlympiadBenchs_answers_are_judged_with_their_tolerances(int question, string response, bool isRight) =>
        Assert.Equal(isRight, AnswerVerifier.Verify(response, Read("data/q.json", Olympiad)[question]));

    [Theory]
    [InlineData("g", "5 grams", true)]
    [InlineData("g", "5 kg", false)]
    [InlineData("m/s", "5 m/s", true)]
    [InlineData("$\\mathrm{~m} / \\mathrm{s}$", "5 m/s", true)]
    [InlineData("m/s", "5 km/h", false)]
    [InlineData("m^2", "5 cm^2", false)]
    [InlineData("years", "5 years old", true)]
    [InlineData("apples", "5 g", true)]
    [InlineData("m", "5 apples", true)]
    [InlineData("million", "5", true)]
    [InlineData("%", "5%", true)]
    [InlineData("", "5 kg", true)]
    public void A_unit_of_measure_that_stands_apart_refuses_another_one(string unit, string answer, bool isRight)
    {
        var line = $$"""{"question":"q","answer":"5","unit":{{System.Text.Json.JsonSerializer.Serialize(unit)}}}""";
        Assert.Equal(isRight, AnswerVerifier.Verify($"\\boxed{{{answer}}}", Read("q.jsonl", line)[0]));
    }

    [Fact]
    public void The_estimate_of_pass_at_k_is_the_share_of_all_subsets_with_a_right_answer()
    {
        for (var n = 1; n <= 10; n++)
        {
            for (var c = 0; c <= n; c++)
            {
                for (var k = 1; k <= n; k++)
                {
                    // The answers 0 to c - 1 are right.
                    var (subsets, passed) = (0, 0);
                    for (var subset = 0; subset < 1 << n; subset++)
                    {
                        if (System.Numerics.BitOperations.PopCount((uint)subset) != k)
                            continue;
                        subsets++;
                        passed += (subset & ((1 << c) - 1)) != 0 ? 1 : 0;
                    }
                    Assert.Equal((double)passed / subsets, PassRate.Unbiased(n, c, k), 12);
                }
            }
        }
        Assert.InRange(PassRate.Unbiased(1024, 1, 512), 0.5 - 1e-9, 0.5 + 1e-9);
        Assert.Throws<ArgumentOutOfRangeException>(() => PassRate.Unbiased(4, 5, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => PassRate.Unbiased(4, 1, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => PassRate.Unbiased(4, 1, 0));
    }

    private List<QuestionRecord> Read(string name, string text) => [.. RecordReader.ReadQuestions(_folder.Write(name, text))];
}
