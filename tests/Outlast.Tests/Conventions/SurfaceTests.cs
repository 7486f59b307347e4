using System.Reflection;

namespace Outlast.Tests.Conventions;

/// <summary>The public surface is a file in the repository, so that a change to it is seen. <c>OUTLAST_ACCEPT_SURFACE=1</c> writes the files anew; that of the client library it adds to, and takes nothing away.</summary>
public sealed class SurfaceTests
{
    private const string ClientLibrary = "Outlast.Client";

    [Theory]
    [InlineData("Outlast")]
    [InlineData(ClientLibrary)]
    [InlineData("Outlast.Sqlite")]
    [InlineData("Outlast.AspNetCore")]
    [InlineData("Outlast.Cli")]
    [Trait("Requirement", "S285-5")]
    public void The_public_surface_is_the_committed_one(string assembly)
    {
        var file = Repository.File("tests", "Outlast.Tests", "Conventions", "Surface", assembly + ".txt");
        var surface = Surface.Of(Assembly.Load(assembly));
        var gone = assembly == ClientLibrary ? Gone(File.ReadAllText(file), surface) : [];
        Assert.True(gone.Length == 0, $"Programs call it, and it is no more as it was. Keep it, and mark it as obsolete; with the release after that its line is removed by hand:\n{string.Join('\n', gone)}");
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_SURFACE") == "1") File.WriteAllText(file, surface);
        var committed = File.ReadAllText(file);
        string[] changes = [.. Lines(committed).Except(Lines(surface)).Select(l => "- " + l), .. Lines(surface).Except(Lines(committed)).Select(l => "+ " + l)];
        Assert.True(committed == surface, $"The surface of {assembly} changed; if that is meant: OUTLAST_ACCEPT_SURFACE=1 ./test.sh Surface, and commit the difference.\n{string.Join('\n', changes)}");
    }

    [Fact]
    [Trait("Requirement", "S285-5")]
    public void What_is_gone_is_seen_though_another_type_has_the_like()
    {
        const string published = "record Outlast.A : IAsked\n  string Name { get; init; }\nrecord Outlast.B\n  string Name { get; init; }\n";
        Assert.Empty(Gone(published, published + "  int More { get; }\nrecord Outlast.C\n"));
        Assert.Equal(["record Outlast.B: string Name { get; init; }"], Gone(published, "record Outlast.A : IAsked\n  string Name { get; init; }\nrecord Outlast.B\n"));
        Assert.Equal(["record Outlast.A : IAsked"], Gone(published, published.Replace(" : IAsked", "", StringComparison.Ordinal)));
        Assert.Equal(["record Outlast.B", "record Outlast.B: string Name { get; init; }"], Gone(published, published.Replace("record Outlast.B", "class Outlast.B", StringComparison.Ordinal)));
    }

    /// <summary>What of a published surface is not in another one: types, and members with their type.</summary>
    private static string[] Gone(string published, string now) => [.. Named(published).Except(Named(now))];

    private static IEnumerable<string> Named(string surface)
    {
        var type = "";
        foreach (var line in Lines(surface).Where(l => l.Length > 0))
        {
            if (!line.StartsWith(' ')) type = line.Split(" : ")[0];
            yield return line.StartsWith(' ') ? $"{type}: {line.Trim()}" : line;
        }
    }

    private static string[] Lines(string text) => text.Split('\n');
}
