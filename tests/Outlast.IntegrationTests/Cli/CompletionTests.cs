using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>The script for bash, in bash.</summary>
public sealed class CompletionTests
{
    [Fact]
    public async Task Bash_completes_verbs_options_words_settings_and_running_tasks()
    {
        await using var folder = new OutlastFolder();
        Assert.Equal("stop", await CompleteAsync(folder, "outlast sto"));
        Assert.Equal("merge separate", await CompleteAsync(folder, "outlast run --stderr ''"));
        Assert.Equal("process.timeout", await CompleteAsync(folder, "outlast config explain process.ti"));
        Assert.Equal("--since-offset", await CompleteAsync(folder, "outlast logs 1 --since-o"));
        Assert.Equal("queued", await CompleteAsync(folder, "outlast ps --state q"));
        Assert.Equal("", await CompleteAsync(folder, "outlast stop ''", all: "open"));
        Assert.False(File.Exists(folder.Data.HostFile), "nothing is started for it");

        var trap = folder.File("trap");
        await folder.RunAsync("run", "-d", "--name", $"$(touch {trap})", "--label", $"k$(touch {trap})=v", "--", "sleep", "300");
        await folder.RunAsync("run", "-d", "--name", "second", "--", "sleep", "300");
        await folder.RunAsync("run", "--", "true");
        Assert.Equal($"2  second running|1  $(touch {trap}) running", await CompleteAsync(folder, "outlast stop ''", all: "open"));
        Assert.Equal("2", await CompleteAsync(folder, "outlast stop 2", all: "open"));
        Assert.Equal("3", await CompleteAsync(folder, "outlast show 3", all: "tasks"));
        Assert.StartsWith("k\\$\\(touch", await CompleteAsync(folder, "outlast ps --label k", all: "labels"), StringComparison.Ordinal);
        Assert.False(File.Exists(trap), "what a task is called is evaluated by nobody");
    }

    /// <summary>What bash offers for a line; all of it, or where more is offered than words of a host: only these.</summary>
    private static async Task<string> CompleteAsync(OutlastFolder folder, string line, string? all = null)
    {
        var show = all is null ? "echo \"${COMPREPLY[*]}\"" : "for c in \"${COMPREPLY[@]}\"; do [[ $c == -* || $c == --* ]] || printf '%s|' \"$c\"; done";
        var script = $"outlast() {{ '{OutlastFolder.Program}' \"$@\"; }}; eval \"$(outlast completion bash)\"; COMP_WORDS=({line}); COMP_WORDS[0]={OutlastFolder.Program}; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9; _outlast; {show}";
        using var bash = folder.Start("/bin/bash", "--norc", "-c", script);
        var ended = await bash.EndAsync();
        Assert.Equal((0, ""), (ended.Code == 1 ? 0 : ended.Code, ended.Error));
        return ended.Output.Trim().TrimEnd('|');
    }
}
