using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>Tests (not the programs that they start with an environment of their own) read nothing of whoever runs them: no home, no configuration, no address but this machine's own.</summary>
public sealed partial class IsolationTests
{
    [Fact]
    [Trait("Requirement", "S2293-11")]
    public void No_test_reads_the_users_home_configuration_or_network()
    {
        var found = Directory.EnumerateFiles(Path.GetFullPath(Path.Combine(Here(), "../..")), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/") && !f.Contains("/bin/") && !f.Contains("/Outlast.FaultWorker/") && Path.GetFileName(f) != "IsolationTests.cs")
            .SelectMany(f => File.ReadLines(f).Where(l => Reads().IsMatch(l)).Select(l => $"{Path.GetFileName(f)}: {l.Trim()}"));
        Assert.Empty(found);
    }

    [Theory]
    [InlineData("Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)")]
    [InlineData("""Environment.GetEnvironmentVariable("HOME")""")]
    [InlineData("DataFolder.Of(Environment.GetEnvironmentVariable)")]
    [InlineData("""new Uri("https://example.org/")""")]
    public void Such_lines_are_found(string line) => Assert.Matches(Reads(), line);

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [GeneratedRegex("""SpecialFolder|GetEnvironmentVariable\("(HOME|XDG_|OUTLAST_DATA)|DataFolder\.Of\(Environment|new Uri\("https?://(?!127\.|localhost|\[::1\]|outlast)""")]
    private static partial Regex Reads();
}
