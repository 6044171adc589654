// dotnet tool restore && dotnet cake --target=Restore|Build|Test|Bench|Pack|Aot; Bench takes --filter=PATTERN for BenchmarkDotNet and prints the table of matrix products without it,
// Aot compiles the command-line tool ahead of time into artifacts/aot/RID for the machine that builds it, or for --rid=RID.
var target = Argument("target", "Test");
var configuration = Argument("configuration", "Release");
const string Solution = "Sophia.Native.sln";

Task("Restore").Does(() => DotNetRestore(Solution));

Task("Build").IsDependentOn("Restore").Does(() =>
    DotNetBuild(Solution, new DotNetBuildSettings { Configuration = configuration, NoRestore = true }));

// The runner is Microsoft.Testing.Platform, which takes the solution by an option.
Task("Test").IsDependentOn("Build").Does(() =>
{
    var code = StartProcess("dotnet", new ProcessSettings { Arguments = $"test --solution {Solution} -c {configuration} --no-build" });
    if (code != 0)
        throw new CakeException($"Tests failed with exit code {code}.");
});

Task("Bench").IsDependentOn("Build").Does(() =>
    DotNetRun("bench/Sophia.Native.Benchmarks", HasArgument("filter") ? $"--filter {Argument<string>("filter")}" : "gemm",
        new DotNetRunSettings { Configuration = configuration, NoBuild = true }));

Task("Pack").IsDependentOn("Build").Does(() =>
    DotNetPack(Solution, new DotNetPackSettings { Configuration = configuration, NoBuild = true, OutputDirectory = "artifacts" }));

// The compiler folds checks of instruction sets to constants, so on x64 there is a binary for each level and, on Linux, a launcher that starts the highest that the processor has.
Task("Aot").Does(() =>
{
    var rid = Argument("rid", System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier);
    var levels = rid.EndsWith("-x64") ? new[] { "x86-64-v2", "x86-64-v3", "x86-64-v4" } : new[] { "" };
    var folder = MakeAbsolute(Directory($"artifacts/aot/{rid}"));
    CleanDirectory(folder);
    foreach (var level in levels)
    {
        var published = folder.Combine(level == "" ? "published" : level);
        DotNetPublish("src/Sophia.Native.Cli", new DotNetPublishSettings
        {
            Configuration = configuration,
            Runtime = rid,
            OutputDirectory = published,
            // A folder of its own for what is compiled: a changed level would not be noticed in a common one.
            ArgumentCustomization = arguments => arguments.Append("-p:PublishAot=true").Append($"-p:IlcInstructionSet={level}").Append($"-p:NativeIntermediateOutputPath=obj/aot-{rid}-{level}/"),
        });
        var extension = rid.StartsWith("win") ? ".exe" : "";
        MoveFile(published.CombineWithFilePath("sophia" + extension), folder.CombineWithFilePath((level == "" ? "sophia" : $"sophia-{level}") + extension));
        DeleteDirectory(published, new DeleteDirectorySettings { Recursive = true, Force = true });
    }
    if (rid.StartsWith("linux") && levels.Length > 1)
        CopyFile("src/Sophia.Native.Cli/launcher.sh", folder.CombineWithFilePath("sophia"));
});

RunTarget(target);
