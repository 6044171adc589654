// dotnet tool restore && dotnet cake --target=Restore|Build|Test|Bench|Pack; Bench takes --filter=PATTERN for BenchmarkDotNet and prints the table of matrix products without it.
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

RunTarget(target);
