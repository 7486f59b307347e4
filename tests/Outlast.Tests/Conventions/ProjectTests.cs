using System.Reflection;
using System.Xml.Linq;

namespace Outlast.Tests.Conventions;

/// <summary>Which project may know which, and which part of the command line may know the runtime.</summary>
public sealed class ProjectTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Outlast"] = [],
        ["Outlast.Client"] = [],
        ["Outlast.Sqlite"] = ["Outlast"],
        ["Outlast.AspNetCore"] = ["Outlast", "Outlast.Client"],
        ["Outlast.Cli"] = ["Outlast.AspNetCore", "Outlast.Client", "Outlast.Sqlite"],
    };

    [Fact]
    public void Projects_point_one_way()
    {
        var found = Directory.EnumerateFiles(Repository.File("src"), "*.csproj", SearchOption.AllDirectories).ToDictionary(
            f => Path.GetFileNameWithoutExtension(f),
            f => XDocument.Load(f).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)).Order(StringComparer.Ordinal).ToArray());
        Assert.Equal(Allowed.Keys.Order(), found.Keys.Order());
        Assert.All(found, project => Assert.Equal(Allowed[project.Key], project.Value));
    }

    [Fact]
    public void The_client_contract_needs_no_package() =>
        Assert.Empty(XDocument.Load(Repository.File("src", "Outlast.Client", "Outlast.Client.csproj")).Descendants("PackageReference"));

    [Fact]
    public void Only_the_serving_room_of_the_command_line_knows_the_runtime()
    {
        var runtime = new HashSet<string> { "Outlast", "Outlast.AspNetCore", "Outlast.Sqlite" };
        var knows = Assembly.Load("Outlast.Cli").GetTypes()
            .SelectMany(t => MemberUse.Of(t).Where(used => runtime.Contains(used.Assembly.GetName().Name!)).Select(used => (User: t, Use: $"{t.FullName} uses {used.FullName}")))
            .ToLookup(u => u.User.Namespace?.StartsWith("Outlast.Cli.Serving", StringComparison.Ordinal) == true, u => u.Use);
        Assert.NotEmpty(knows[true]);
        Assert.Empty(knows[false]);
    }

    [Fact]
    public void The_check_sees_what_a_method_uses() => Assert.Contains(typeof(TaskId), MemberUse.Of(typeof(TaskIdTests)));
}
