using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class LogsTests
{
    private const string Lines = "printf 'one\\n\\033[31mERROR\\033[0m two\\nthree\\nerror four\\nfive'";

    [Theory]
    [InlineData("--grep ^ERROR", "\e[31mERROR\e[0m two\n")]
    [InlineData("--grep ^error -i", "\e[31mERROR\e[0m two\nerror four\n")]
    [InlineData("--grep ^error -i --clean", "ERROR two\nerror four\n")]
    [InlineData("--grep e$ --tail 2", "three\nfive\n")]
    [InlineData("--grep e$ --tail 0", "")]
    [InlineData("-f --grep e$ --tail 1", "five\n")]
    [InlineData("-f --grep o", "one\n\e[31mERROR\e[0m two\nerror four\n")]
    [InlineData("--grep nothing", "")]
    [InlineData("--clean --tail 4", "ERROR two\nthree\nerror four\nfive")]
    [InlineData("--since 1h --tail 1", "five")]
    [InlineData("--since 2000-01-01T00:00:00Z --grep one", "one\n")]
    [InlineData("--since 2100-01-01T00:00:00Z", "")]
    public async Task Lines_are_chosen(string options, string expected)
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "sh", "-c", Lines);
        var printed = await folder.RunAsync(["logs", "1", .. options.Split(' ')]);
        Assert.Equal((0, expected), (printed.Code, printed.Output));
    }

    [Theory]
    [InlineData("--grep [a", "--grep '[a' is no regular expression: Unterminated [] set at position 2")]
    [InlineData("--grep (?=a)", "which is not supported here")]
    [InlineData("--since 1h --since-offset 3", "--since and --since-offset exclude each other")]
    [InlineData("--tail 1 --since-offset 3", "--tail and --since-offset exclude each other")]
    [InlineData("--raw --clean", "--raw and --clean exclude each other")]
    [InlineData("--since sometime", "--since 'sometime' is no length of time and no time")]
    [InlineData("-i", "--ignore-case needs --grep")]
    public async Task What_cannot_be_meant_is_refused(string options, string expected)
    {
        await using var folder = new OutlastFolder();
        if (options.Contains("sometime", StringComparison.Ordinal)) await folder.RunAsync("run", "--", "true");
        var refused = await folder.RunAsync(["logs", "1", .. options.Split(' ')]);
        Assert.Equal((2, ""), (refused.Code, refused.Output));
        Assert.Contains(expected, refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_output_may_be_larger_than_memory()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "sh", "-c", "echo begin");
        const long size = (96L << 20) + 1;
        await using (var log = File.Open(LogOf(folder), FileMode.Open)) log.SetLength(size);
        foreach (var options in (string[])["", "--tail 1"])
        {
            // In hexadecimal: 64 MiB.
            var counted = await folder.ShellAsync($"export DOTNET_GCHeapHardLimit=4000000; outlast logs 1 {options} | wc -c");
            Assert.Equal("", counted.Error);
            Assert.True(long.Parse(counted.Output, CultureInfo.InvariantCulture) >= size - "begin\n".Length, counted.Output);
        }
    }

    [Fact]
    public async Task Pieces_of_an_output_cut_no_character()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "sh", "-c", "yes ä€😀 | head -c 3000000");
        var printed = await folder.RunAsync("logs", "1", "--json");
        var pieces = printed.Lines.Select(l => JsonNode.Parse(l)!).ToList();
        Assert.True(pieces.Count > 2);
        Assert.All(pieces.SkipLast(1), p => Assert.NotNull(p["text"]));
        Assert.Equal(await File.ReadAllBytesAsync(LogOf(folder)), pieces.SelectMany(p => p["text"] is { } text ? Encoding.UTF8.GetBytes((string)text!) : Convert.FromBase64String((string)p["base64"]!)));
    }

    [Fact]
    public async Task Last_lines_are_counted_from_the_end_whatever_the_cap_has_removed_before()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");
        var head = string.Concat(Enumerable.Repeat("head\n", 4000));
        await File.WriteAllTextAsync(LogOf(folder), $"{head}gone\nlast\nbut not least\n");
        await File.WriteAllTextAsync(LogOf(folder) + ".dropped", $"{head.Length} {head.Length + 5} end\n");
        Assert.Equal("but not least\n", (await folder.RunAsync("logs", "1", "--tail", "1")).Output);
        Assert.Equal("last\nbut not least\n", (await folder.RunAsync("logs", "1", "--tail", "3")).Output);
    }

    [Fact]
    [Trait("Requirement", "U-63")]
    public async Task A_long_task_shows_when_it_printed_what_and_its_end_live()
    {
        await using var folder = new OutlastFolder();
        var go = folder.File("go");
        await folder.RunAsync("run", "-d", "--stderr", "separate", "--", "sh", "-c", $"echo first; echo odd >&2; until [ -e {go} ]; do sleep 0.05; done; echo second; sleep 60");
        await Eventually.TrueAsync(async () => (await TimesAsync(folder, "output.log")).Length == 1, "the first line has its time");
        var between = DateTimeOffset.UtcNow;
        await File.WriteAllTextAsync(go, "");
        using var live = folder.Start(OutlastFolder.Program, "logs", "-f", "-t", "1");
        await live.SeeAsync("second\n");
        await Eventually.TrueAsync(async () => (await TimesAsync(folder, "output.log")).Length == 2, "the second line has its time");
        await folder.ShellAsync($"kill -9 {folder.HostPid}");

        var stamped = await folder.RunAsync("logs", "1", "--timestamps");
        Assert.Matches(new Regex(@"^\d\d:\d\d:\d\d  first\n\d\d:\d\d:\d\d  second\n$"), stamped.Output);
        Assert.Matches(new Regex(@"^\d\d:\d\d:\d\d  odd\n"), stamped.Error);
        var (first, second) = (await folder.RunAsync("logs", "1", "-t", "--json", "--grep", "^(first|second)$")).Lines.Select(l => JsonNode.Parse(l)!).ToArray() switch { [var a, var b] => (a, b), _ => throw new InvalidOperationException() };
        Assert.Equal(("first\n", 0, "second\n", 6), ((string)first["text"]!, (int)first["offset"]!, (string)second["text"]!, (int)second["offset"]!));
        Assert.True(DateTimeOffset.Parse((string)first["at"]!) <= between && between <= DateTimeOffset.Parse((string)second["at"]!));
        Assert.Equal("second\n", (await folder.RunAsync("logs", "1", "--since", between.ToString("O"))).Output);

        var shown = await folder.ShowAsync("1");
        Assert.Equal(13, (int)shown["output"]!["bytes"]!);
        Assert.True(DateTimeOffset.Parse((string)shown["lastActivityAt"]!) >= between.AddSeconds(-1));
        await folder.RunAsync("stop", "1", "--now");
    }

    private static string LogOf(OutlastFolder folder) => Directory.EnumerateFiles(folder.Data.Tasks, "output.log", SearchOption.AllDirectories).Single();

    private static async Task<byte[][]> TimesAsync(OutlastFolder folder, string log)
    {
        var file = Directory.EnumerateFiles(folder.Data.Tasks, log + ".times", SearchOption.AllDirectories).FirstOrDefault();
        return file is null ? [] : (await File.ReadAllBytesAsync(file)).Chunk(16).ToArray();
    }
}
