using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>The demonstration: that it holds, that it can fail, and that it leaves nothing.</summary>
public sealed class DemoTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Every_line_of_its_proof_is_so_and_nothing_is_left()
    {
        await using var folder = NewFolder(out var temporary);
        using var demo = folder.Start(OutlastFolder.Program, "demo", "--json");
        await Eventually.TrueAsync(() => demo.HasEnded, "the demo ends", Patience);
        var ended = await demo.EndAsync();

        Assert.Equal((0, ""), (ended.Code, ended.Error));
        Assert.Equal(11, ended.Lines.Length);
        Assert.All(ended.Lines, line => Assert.True((bool)JsonNode.Parse(line)!["so"]!, line));
        AssertNothingLeft(temporary);
    }

    [Fact]
    public async Task What_is_not_so_makes_it_fail_a_process_that_stays_and_work_that_does_not_go_on()
    {
        await using var folder = NewFolder(out var temporary);
        using var demo = folder.Start(OutlastFolder.Program, "demo");
        await Eventually.TrueAsync(() => demo.Output.Contains("wait 4", StringComparison.Ordinal), "five tasks run", Patience);
        var ids = demo.Output.Split('\n').Select(l => l.Trim()).Where(l => TaskId.TryParse(l, out _)).ToList();
        Assert.Equal(5, ids.Count);
        // What serves a task without being part of it is never stopped with it: whoever looks for himself sees it all the same.
        using var survivor = Process.Start(new ProcessStartInfo("/bin/sleep", ["300"]) { Environment = { ["OUTLAST_TASK_ID"] = ids[2], ["OUTLAST_KEEPER_OF"] = ids[2] } })!;
        try
        {
            foreach (var pid in ProcessBench.MarkedBy(TaskId.Parse(ids[0]))) RunningProgram.Signal(pid, "KILL");
            await Eventually.TrueAsync(() => demo.HasEnded, "the demo ends", Patience);
            var ended = await demo.EndAsync();

            Assert.Equal(1, ended.Code);
            Assert.Matches("stopped means stopped\t.* 1 after.*\tNO\n", ended.Output);
            Assert.Matches("work outlives its host\t.*\tNO\n", ended.Output);
            Assert.Matches("cleanup code runs\t.*\tyes\n", ended.Output);
            Assert.Contains("NOT everything is as promised", ended.Error, StringComparison.Ordinal);
            AssertNothingLeft(temporary);
        }
        finally
        {
            survivor.Kill();
        }
    }

    [Fact]
    public async Task Interrupted_it_cleans_up_all_the_same()
    {
        await using var folder = NewFolder(out var temporary);
        using var demo = folder.Start(OutlastFolder.Program, "demo");
        await Eventually.TrueAsync(() => demo.Output.Contains("--name tree", StringComparison.Ordinal), "tasks run", Patience);
        demo.Signal("INT");
        await Eventually.TrueAsync(() => demo.HasEnded, "the demo ends", Patience);
        Assert.Equal(130, (await demo.EndAsync()).Code);
        AssertNothingLeft(temporary);
    }

    private static OutlastFolder NewFolder(out string temporary)
    {
        temporary = Directory.CreateTempSubdirectory("a demo's ").FullName;
        return new(("TMPDIR", temporary));
    }

    private static void AssertNothingLeft(string temporary)
    {
        Assert.Empty(Directory.EnumerateFileSystemEntries(temporary));
        Assert.DoesNotContain(Directory.EnumerateDirectories("/proc"), p => int.TryParse(Path.GetFileName(p), out var pid) && Environment(pid).Contains($"OUTLAST_DATA={temporary}/", StringComparison.Ordinal));
        Directory.Delete(temporary);
    }

    private static string Environment(int pid)
    {
        try
        {
            return ProcessBench.IsAlive(pid) ? Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/environ")) : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
