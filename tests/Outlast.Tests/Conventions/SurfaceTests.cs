using System.Reflection;

namespace Outlast.Tests.Conventions;

/// <summary>The public surface is a file in the repository, so that a change to it is seen. <c>OUTLAST_ACCEPT_SURFACE=1</c> writes the files anew.</summary>
public sealed class SurfaceTests
{
    [Theory]
    [InlineData("Outlast")]
    [InlineData("Outlast.Client")]
    [InlineData("Outlast.Sqlite")]
    [InlineData("Outlast.AspNetCore")]
    [InlineData("Outlast.Cli")]
    public void The_public_surface_is_the_committed_one(string assembly)
    {
        var file = Repository.File("tests", "Outlast.Tests", "Conventions", "Surface", assembly + ".txt");
        var surface = Surface.Of(Assembly.Load(assembly));
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_SURFACE") == "1") File.WriteAllText(file, surface);
        var committed = File.ReadAllText(file);
        string[] changes = [.. Lines(committed).Except(Lines(surface)).Select(l => "- " + l), .. Lines(surface).Except(Lines(committed)).Select(l => "+ " + l)];
        Assert.True(committed == surface, $"The surface of {assembly} changed; if that is meant: OUTLAST_ACCEPT_SURFACE=1 ./test.sh Surface, and commit the difference.\n{string.Join('\n', changes)}");
    }

    private static string[] Lines(string text) => text.Split('\n');
}
