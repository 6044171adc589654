using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Images;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The files of a run that are there to be read again: pictures and the data of every arm, in the form that training takes, and the answers to the held-out questions.</summary>
/// <param name="folder">DIR.</param>
internal sealed class QuickstartFiles(string folder)
{
    /// <summary>Writes images/.</summary>
    /// <param name="scenes">The scenes of the round.</param>
    public void WriteImages(IEnumerable<Scene> scenes)
    {
        Directory.CreateDirectory(Path.Combine(folder, "images"));
        foreach (var scene in scenes)
        {
            var image = new RgbImage(SceneRenderer.ImagePixels, SceneRenderer.ImagePixels);
            SceneRenderer.Render(scene, image.Pixels);
            PngEncoder.Save(image, Path.Combine(folder, ImagePath(scene)));
        }
    }

    /// <summary>Writes trajectories-ARM.jsonl: what an arm is trained on.</summary>
    /// <param name="arm">Name of the arm.</param>
    /// <param name="round">The round.</param>
    /// <param name="selected">The arm's trajectories.</param>
    /// <param name="captions">The captions that it trains on.</param>
    public void WriteTrajectories(string arm, QuickstartRound round, IReadOnlyList<QuickstartTrajectory> selected, IReadOnlyList<QuickstartCaption> captions) =>
        AtomicFile.Write(Path.Combine(folder, $"trajectories-{arm}.jsonl"), stream =>
        {
            using var lines = new JsonLinesWriter(stream);
            foreach (var trajectory in selected)
                lines.Write(json => WriteTrajectory(json, round, trajectory));
            foreach (var caption in captions)
                lines.Write(json => WriteCaption(json, round, caption));
        });

    /// <summary>Writes answers-ARM.jsonl: every held-out question with both answers.</summary>
    /// <param name="arm">Name of the arm, or base.</param>
    /// <param name="evaluation">The questions.</param>
    /// <param name="sampled">The sampled answers.</param>
    /// <param name="greedy">The greedy answers.</param>
    public void WriteAnswers(string arm, QuickstartEvaluation evaluation, QuickstartScore sampled, QuickstartScore greedy) =>
        AtomicFile.Write(Path.Combine(folder, $"answers-{arm}.jsonl"), stream =>
        {
            using var lines = new JsonLinesWriter(stream);
            for (var i = 0; i < evaluation.Golds.Count; i++)
            {
                var question = i;
                lines.Write(json =>
                {
                    json.WriteString("id", question.ToString(CultureInfo.InvariantCulture));
                    json.WriteString("scene", WorldLanguage.Caption(evaluation.Scenes[question].Objects));
                    json.WriteString("question", evaluation.Questions[question].Text);
                    json.WriteString("answer", evaluation.Golds[question]);
                    json.WriteString("sampled", sampled.Responses[question]);
                    json.WriteBoolean("sampled_right", sampled.Right[question]);
                    json.WriteString("greedy", greedy.Responses[question]);
                    json.WriteBoolean("greedy_right", greedy.Right[question]);
                });
            }
        });

    private static string ImagePath(Scene scene) => string.Create(CultureInfo.InvariantCulture, $"images/{scene.Index:D4}.png");

    private static void WriteTrajectory(Utf8JsonWriter json, QuickstartRound round, QuickstartTrajectory trajectory)
    {
        var scene = round.Scenes[round.SceneOf(trajectory.Pair)];
        var question = round.Questions[trajectory.Pair];
        json.WriteString("id", trajectory.Pair.ToString(CultureInfo.InvariantCulture));
        json.WriteString("image", ImagePath(scene));
        json.WriteString("scene", WorldLanguage.Caption(scene.Objects));
        json.WriteString("question", question.Text);
        json.WriteString("answer", question.AnswerText(scene));
        json.WriteString("system", WorldLanguage.SlowSystemMessage);
        json.WriteNumber("caption_index", trajectory.CaptionIndex);
        json.WriteNumber("trajectory_index", trajectory.AnswerIndex);
        json.WriteString("caption", round.CaptionOf(trajectory.Pair, trajectory.CaptionIndex));
        json.WriteString("response", trajectory.Response);
        json.WriteNumber("outcome_reward", round.OutcomeReward(trajectory.Pair, trajectory.CaptionIndex, trajectory.AnswerIndex));
        json.WriteNumber("caption_reward", round.CaptionReward(trajectory.Pair, trajectory.CaptionIndex));
        json.WriteNumber("reward", 1);
        json.WriteBoolean("selected", true);
    }

    /// <summary>A caption as data: the answer to the instruction that asked for it.</summary>
    private static void WriteCaption(Utf8JsonWriter json, QuickstartRound round, QuickstartCaption caption)
    {
        var scene = round.Scenes[caption.Scene];
        json.WriteString("id", string.Create(CultureInfo.InvariantCulture, $"scene {caption.Scene}"));
        json.WriteString("image", ImagePath(scene));
        json.WriteString("scene", WorldLanguage.Caption(scene.Objects));
        json.WriteString("question", WorldLanguage.CaptionInstruction);
        json.WriteString("system", WorldLanguage.PlainSystemMessage);
        json.WriteNumber("caption_index", caption.CaptionIndex);
        json.WriteString("response", caption.Text);
        json.WriteNumber("reward", 1);
        json.WriteBoolean("selected", true);
    }
}
