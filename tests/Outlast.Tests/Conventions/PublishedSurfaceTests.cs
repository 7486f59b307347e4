using System.Collections;
using System.CommandLine;
using System.CommandLine.Help;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Outlast.AspNetCore;
using Outlast.Cli;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;

namespace Outlast.Tests.Conventions;

/// <summary>What scripts and clients rely on, beside the assemblies: verbs with their options, and routes, each a line of a file. <c>OUTLAST_ACCEPT_SURFACE=1</c> adds what is new; it takes nothing away.</summary>
public sealed class PublishedSurfaceTests
{
    public static TheoryData<string> Files => [.. Lists.Keys];

    private static readonly Dictionary<string, Func<IEnumerable<string>>> Lists = new() { ["commands"] = Commands, ["routes"] = Routes };

    [Theory]
    [MemberData(nameof(Files))]
    [Trait("Requirement", "S285-5")]
    public void Nothing_that_was_published_is_missing_or_narrowed(string list)
    {
        var file = Repository.File("tests", "Outlast.Tests", "Conventions", "Surface", list + ".txt");
        var published = File.Exists(file) ? File.ReadAllLines(file) : [];
        string[] now = [.. Lists[list]().Order(StringComparer.Ordinal)];
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_SURFACE") == "1") File.WriteAllLines(file, published = [.. published.Union(now).Order(StringComparer.Ordinal)]);

        var (gone, added) = (published.Except(now).ToList(), now.Except(published).ToList());
        Assert.True(gone.Count == 0, $"Published, and no more as it was. Keep it working; what must go answers 'gone, use …' for one release, and its line is removed by hand with the next:\n{string.Join('\n', gone)}");
        Assert.True(added.Count == 0, $"New, to be published: OUTLAST_ACCEPT_SURFACE=1 ./test.sh Surface, and commit the difference.\n{string.Join('\n', added)}");
    }

    [Fact]
    [Trait("Requirement", "S285-5")]
    public void The_lists_see_options_of_verbs_and_methods_of_routes()
    {
        Assert.Contains(Commands(), c => c.StartsWith("run --timeout ", StringComparison.Ordinal));
        Assert.Contains(Commands(), c => c.StartsWith("config explain --json ", StringComparison.Ordinal));
        Assert.Contains("POST /v1/tasks/{id}/stop", Routes());
    }

    private static IEnumerable<string> Commands()
    {
        var caller = new Caller(new Hashtable { ["OUTLAST_DATA"] = "/nowhere" }, "/");
        var terminal = new Terminal(caller);
        return Of(CommandLine.Tree(new(caller, terminal, new HostDoor(caller, terminal, TimeProvider.System), TimeProvider.System)), "");

        static IEnumerable<string> Of(Command command, string path) =>
        [
            .. path.Length == 0 ? [] : new[] { path },
            .. command.Arguments.Where(a => !a.Hidden).Select(a => $"{path} {a.Name} [{Arity(a.Arity)}]"),
            .. command.Options.Where(o => !o.Hidden && o is not HelpOption).Select(o => $"{path} {string.Join(' ', o.Aliases.Prepend(o.Name).Distinct())} [{Arity(o.Arity)}{(o.Required ? ", required" : "")}]"),
            .. command.Subcommands.Where(c => !c.Hidden).SelectMany(c => Of(c, $"{path} {c.Name}".Trim())),
        ];

        static string Arity(ArgumentArity arity) => arity.MaximumNumberOfValues > 1000 ? $"{arity.MinimumNumberOfValues} or more values" : $"{arity.MinimumNumberOfValues}..{arity.MaximumNumberOfValues} values";
    }

    private static IEnumerable<string> Routes()
    {
        var app = OutlastServer.CreateBuilder(new() { SocketPath = "/nowhere/host.sock" }).Build();
        app.MapOutlast();
        return [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {e.RoutePattern.RawText}")).Distinct()];
    }
}
