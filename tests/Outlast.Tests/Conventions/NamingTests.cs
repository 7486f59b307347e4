using System.Reflection;
using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>Names that would be ambiguous, describe nothing, or point to work that was left undone.</summary>
public sealed class NamingTests
{
    private static readonly Assembly[] Assemblies = [.. new[] { "Outlast", "Outlast.Client", "Outlast.Sqlite", "Outlast.AspNetCore", "Outlast.Cli" }.Select(Assembly.Load)];

    private static readonly string[] Folders = ["src", "tests", "bench", "docs"];

    private static IEnumerable<Type> WrittenTypes => Assemblies.SelectMany(a => a.GetTypes())
        .Where(t => t.Namespace?.StartsWith("Outlast", StringComparison.Ordinal) == true && !t.FullName!.Contains('<', StringComparison.Ordinal));

    [Fact]
    public void No_public_type_is_ambiguous_under_the_implicit_usings()
    {
        string[] implicitly = ["System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Threading", "System.Threading.Tasks"];
        var taken = new[] { typeof(object), typeof(Enumerable), typeof(HttpClient), typeof(Uri), typeof(Console), typeof(SortedSet<>), typeof(Parallel), typeof(Barrier) }
            .SelectMany(t => t.Assembly.GetExportedTypes()).Where(t => implicitly.Contains(t.Namespace) && !t.IsNested).Select(Simple).ToHashSet();
        Assert.Superset(new HashSet<string> { "Task", "TaskStatus", "TaskScheduler", "TaskFactory", "TaskExtensions", "TaskCanceledException", "TaskCompletionSource" }, taken);
        Assert.Empty(WrittenTypes.Where(t => t is { IsPublic: true, Namespace: not null } && taken.Contains(Simple(t))).Select(t => t.FullName));
    }

    [Fact]
    public void No_namespace_hides_Process_or_Console() =>
        Assert.DoesNotContain(WrittenTypes.Select(t => t.Namespace!), n => n.Split('.') is var parts && (parts.Contains("Process") || parts.Contains("Console")));

    [Fact]
    public void No_type_is_named_after_anything() =>
        Assert.DoesNotContain(WrittenTypes.Select(t => t.FullName!), n => Regex.IsMatch(n.Split('.', '+')[^1], "(Manager|Helper|Processor|Util)(s|ity|ities)?(`[0-9]+)?$"));

    [Fact]
    public void Nothing_is_left_for_later()
    {
        // Written so that this file does not find itself.
        var marks = new Regex($@"\b({string.Join('|', "TO" + "DO", "FIX" + "ME", "HA" + "CK", "X" + "XX")})\b|NotImplemented" + "Exception");
        Assert.Empty(Texts("*.cs", "*.csproj", "*.props", "*.md", "*.sql").Where(f => marks.IsMatch(File.ReadAllText(f))).Select(Repository.Relative));
    }

    [Fact]
    public void A_switch_over_states_names_each_of_them()
    {
        // A discard arm would swallow a state that is added later; without one it does not compile.
        Assert.True(SwallowsStates("return s switch\n{\n    TaskState.Queued => 1,\n    _ => 2,\n};"));
        Assert.False(SwallowsStates("return s switch\n{\n    TaskState.Queued => 1,\n    TaskState.Lost => 2,\n};"));
        Assert.DoesNotContain(Repository.Sources("src"), f => SwallowsStates(File.ReadAllText(f)));
        var props = File.ReadAllText(Repository.File("Directory.Build.props"));
        Assert.Contains("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>", props, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"<NoWarn>[^<]*CS8509", props);
        Assert.Empty(Repository.Sources("src").Where(f => File.ReadAllText(f).Contains("disable CS8509", StringComparison.Ordinal)).Select(Repository.Relative));
    }

    private static bool SwallowsStates(string source) => Regex.Matches(source, @"switch\s*\{(?<body>(?:[^{}]|\{[^{}]*\})*)\}").Select(m => m.Groups["body"].Value)
        .Any(body => Regex.IsMatch(body, @"^\s*(TaskState|EndCause)\.") && Regex.IsMatch(body, @"\n\s*_ =>"));

    private static IEnumerable<string> Texts(params string[] patterns) => Folders.Where(d => Directory.Exists(Repository.File(d)))
        .SelectMany(d => patterns.SelectMany(p => Directory.EnumerateFiles(Repository.File(d), p, SearchOption.AllDirectories)))
        .Where(f => !Regex.IsMatch(f, @"[/\\](obj|bin)[/\\]"));

    private static string Simple(Type type) => type.Name.Split('`')[0];
}
