using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>The scripts in their shells: in bash, and in the others where they are installed.</summary>
public sealed class CompletionTests
{
    private const string Zsh = "/usr/bin/zsh", Fish = "/usr/bin/fish";

    /// <summary>What each shell is asked: it prints what it offers for the line in <c>$line</c>. Of zsh everything is real but its line editor.</summary>
    private static readonly (string Shell, string[] Asked)[] Shells =
    [
        ("/bin/bash", ["--norc", "-c", "eval \"$(outlast completion bash)\"; read -ra COMP_WORDS <<<\"$line\"; [[ $line == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_TYPE=37; _outlast; printf '%s\\n' \"${COMPREPLY[@]}\""]),
        (Zsh, ["-fc", "compdef() { }; _describe() { print -rl -- \"${found[@]}\" }; _normal() { print -r -- then \"${words[@]}\" }; eval \"$(outlast completion zsh)\"; words=(${=line}); [[ $line == *' ' ]] && words+=(''); CURRENT=${#words}; _outlast"]),
        (Fish, ["-c", "outlast completion fish | source; complete -C \"$line\""]),
    ];

    /// <summary>A line, and how one of the offered begins.</summary>
    public static TheoryData<string, string, string> Lines()
    {
        var lines = new TheoryData<string, string, string>();
        foreach (var (shell, _) in Shells.Where(s => File.Exists(s.Shell)))
        {
            lines.Add(shell, "outlast sto", "stop");
            lines.Add(shell, "outlast run --stderr ", "separate");
            lines.Add(shell, "outlast stop ", "1");
            // As the program of a clone is called; a shell puts no folder in the place of ~ before it asks.
            lines.Add(shell, "~/outlast stop ", "1");
        }
        // What comes after -- is completed as if it stood alone.
        if (File.Exists(Fish)) lines.Add(Fish, "outlast run --name x -- env --ignore-env", "--ignore-environment");
        if (File.Exists(Zsh)) lines.Add(Zsh, "outlast run --name x -- ls --al", "then ls --al");
        return lines;
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task Each_shell_offers_what_fits(string shell, string line, string offered)
    {
        await using var folder = new OutlastFolder();
        var home = folder.File("home");
        Directory.CreateDirectory(home);
        await File.WriteAllTextAsync(Path.Combine(home, "outlast"), $"#!/bin/sh\nexec '{OutlastFolder.Program}' \"$@\"\n");
        File.SetUnixFileMode(Path.Combine(home, "outlast"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await folder.RunAsync("run", "-d", "--", "sleep", "300");
        // Who completes waits for a host no longer than a second; on a busy machine that may be too short.
        await Eventually.TrueAsync(async () =>
        {
            using var asked = folder.Start(["/usr/bin/env", $"HOME={home}", $"PATH={home}:/usr/bin:/bin", $"line={line}", shell, .. Shells.Single(s => s.Shell == shell).Asked]);
            var answer = await asked.EndAsync();
            Assert.Equal("", answer.Error);
            return answer.Lines.Any(l => l.StartsWith(offered, StringComparison.Ordinal));
        }, $"{shell} offers {offered}");
    }

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
