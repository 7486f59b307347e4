using System.Collections;
using System.CommandLine;
using Outlast.Cli;
using Outlast.Cli.Calling;
using Outlast.Cli.Completing;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;

namespace Outlast.Tests.Cli;

public sealed class CompletionTests
{
    private static readonly RootCommand Tree = MakeTree();
    private static readonly IReadOnlyList<CompletedVerb> Verbs = [.. CompletedVerb.Of(Tree, ["process.timeout", "a.b"])];

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Every_verb_and_option_that_parses_is_in_the_script_and_nothing_hidden(string shell)
    {
        var script = shell switch { "bash" => CompletionScripts.Bash(Verbs), "zsh" => CompletionScripts.Zsh(Verbs), _ => CompletionScripts.Fish(Verbs) };
        foreach (var (verb, path) in All(Tree, ""))
        {
            if (path.Length > 0) Assert.Contains($"'{(path.Contains(' ', StringComparison.Ordinal) ? "" : " ")}{path}'", script, StringComparison.Ordinal);
            foreach (var option in verb.Options)
            {
                var written = shell == "fish" ? $"-l {option.Name[2..]} " : option.Name;
                if (option.Hidden) Assert.DoesNotContain(written, script, StringComparison.Ordinal);
                else Assert.Contains(written, script, StringComparison.Ordinal);
            }
        }
        Assert.DoesNotContain("'completion candidates'", script, StringComparison.Ordinal);
        Assert.Contains("a.b", script, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_are_under_their_own_verb_with_their_fixed_words()
    {
        var run = Verbs.Single(v => v.Path == "run");
        Assert.Equal(["merge", "separate"], run.Options.Single(o => o.Names.Contains("--stderr")).Words);
        Assert.Equal(LiveWords.Folders, run.Options.Single(o => o.Names.Contains("--cwd")).Live);
        Assert.False(run.Options.Single(o => o.Names.Contains("-d")).TakesValue);
        Assert.Equal(LiveWords.Open, Verbs.Single(v => v.Path == "stop").Live);
        Assert.Equal(LiveWords.Tasks, Verbs.Single(v => v.Path == "show").Live);
        Assert.Equal(["process.timeout", "a.b"], Verbs.Single(v => v.Path == "config explain").Words);
        Assert.Contains("timed_out", Verbs.Single(v => v.Path == "ps").Options.Single(o => o.Names.Contains("--state")).Words);
    }

    private static IEnumerable<(Command, string)> All(Command command, string path) =>
        command.Subcommands.Where(c => !c.Hidden).SelectMany(c => All(c, path.Length == 0 ? c.Name : $"{path} {c.Name}")).Prepend((command, path));

    private static RootCommand MakeTree()
    {
        var caller = new Caller(new Hashtable { ["OUTLAST_DATA"] = "/nowhere" }, "/");
        var terminal = new Terminal(caller);
        return CommandLine.Tree(new(caller, terminal, new HostDoor(caller, terminal, TimeProvider.System), TimeProvider.System));
    }
}
