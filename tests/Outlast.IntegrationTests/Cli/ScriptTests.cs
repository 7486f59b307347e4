using System.Diagnostics;
using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>The <c>outlast</c> script of the repository, in a copy that was never built.</summary>
public sealed class ScriptTests
{
    [Fact]
    public async Task The_script_builds_once_for_two_callers_keeps_standard_output_clean_and_starts_fast_afterwards()
    {
        await using var folder = new OutlastFolder();
        var clone = folder.File("clone");
        Copy(Root(), clone);
        var script = Path.Combine(clone, "outlast");

        using var one = folder.Start(script, "version", "--json");
        using var two = folder.Start(script, "version", "--json");
        var (first, second) = (await one.EndAsync(), await two.EndAsync());

        Assert.Equal((0, 0), (first.Code, second.Code));
        Assert.NotNull(JsonNode.Parse(Assert.Single(first.Lines)));
        Assert.Equal(first.Output, second.Output);
        Assert.Single([first, second], f => f.Error.Contains("outlast: building", StringComparison.Ordinal));
        Assert.Single(Directory.GetDirectories(Path.Combine(clone, "artifacts", "cli")), d => Path.GetFileName(d).Length == 16);

        var warm = await folder.ShellAsync($"cd /; {script} version --json; ln -s {script} {folder.File("link")}; {folder.File("link")} version --json");
        Assert.Equal((first.Output + first.Output, ""), (warm.Output, warm.Error));

        var environment = await folder.ShellAsync($"env -i PATH=/usr/bin:/bin A=1 B-x=2 OUTLAST_DATA={folder.Data.Path} {script} run -- env | grep -v '^OUTLAST_' | sort; ulimit -Sn 512; {script} run -- sh -c 'ulimit -Sn'");
        Assert.Equal("A=1\nB-x=2\nPATH=/usr/bin:/bin\n512\n", environment.Output);

        // The number of a closed input must not go to a file that the program opens for itself.
        var closed = await folder.ShellAsync($"id=$({script} run -d --stdin open -- cat); {script} send $id - --eof <&-");
        Assert.Equal((1, ""), (closed.Code, closed.Output));
        Assert.Contains("could not be read: Bad file descriptor", closed.Error, StringComparison.Ordinal);

        await File.AppendAllTextAsync(Path.Combine(clone, "src", "Outlast.Cli", "Program.cs"), "// another build\n");
        var changed = await folder.ShellAsync($"{script} version --json");
        Assert.Contains("outlast: building", changed.Error, StringComparison.Ordinal);
        Assert.Contains("another build", changed.Error, StringComparison.Ordinal);
        Assert.NotEqual((string)JsonNode.Parse(first.Output)!["version"]!, (string)JsonNode.Parse(changed.Output)!["version"]!);

        await File.AppendAllTextAsync(Path.Combine(clone, "src", "Outlast.Cli", "Program.cs"), "this does not compile\n");
        var broken = await folder.ShellAsync($"{script} version");
        Assert.Equal((125, ""), (broken.Code, broken.Output));
        Assert.Contains("CS", broken.Error, StringComparison.Ordinal);
        Assert.Contains("outlast: the build failed", broken.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_NET_it_says_what_to_install()
    {
        await using var folder = new OutlastFolder();
        var tools = Directory.CreateDirectory(folder.File("tools")).FullName;
        foreach (var tool in (string[])["bash", "find", "env", "readlink"])
            File.CreateSymbolicLink(Path.Combine(tools, tool), File.Exists("/usr/bin/" + tool) ? "/usr/bin/" + tool : "/bin/" + tool);
        var clone = folder.File("clone");
        Copy(Root(), clone);
        // The places where .NET is looked for beside PATH cannot be taken away from a test: they are renamed in the copy.
        var script = Path.Combine(clone, "outlast");
        await File.WriteAllTextAsync(script, (await File.ReadAllTextAsync(script)).Replace("/usr/share/dotnet", "/nowhere", StringComparison.Ordinal).Replace("/usr/lib/dotnet", "/nowhere", StringComparison.Ordinal));

        var ran = await folder.ShellAsync($"PATH={tools} HOME=/nowhere DOTNET_ROOT= {script} version");

        Assert.Equal((125, ""), (ran.Code, ran.Output));
        Assert.StartsWith("outlast: .NET is not installed. Install the .NET 10 SDK", ran.Error, StringComparison.Ordinal);
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Outlast.slnx"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        return folder;
    }

    /// <summary>What the script builds from, without what earlier builds left.</summary>
    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        using var copy = Process.Start("/bin/sh", ["-c", "cd \"$0\" && tar c --exclude=bin --exclude=obj outlast src eng global.json Directory.Build.props Directory.Packages.props .editorconfig | tar x -C \"$1\"", from, to]);
        copy.WaitForExit();
        Assert.Equal(0, copy.ExitCode);
    }
}
