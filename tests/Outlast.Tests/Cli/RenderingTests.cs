using System.Text;
using Outlast.Cli.Rendering;
using Outlast.Cli.Verbs;
using Outlast.Client;
using Xunit;

namespace Outlast.Tests.Cli;

public sealed class RenderingTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(20000).AddMinutes(3);

    [Theory]
    [InlineData(40)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(200)]
    public void A_table_fits_the_terminal(int width)
    {
        var table = TaskTable.Of(
            [
                Tasks.Running(12345, "a-name-that-is-much-longer-than-any-name-should-be", "sh", "-c", new string('x', 300)),
                Tasks.Running(7, "建造建造建造建造建造建造建造", "make"),
                Tasks.Ended("failed", "exit", 127) with { Name = "e\u0301te\u0301" },
            ], Now);

        var lines = table.Fitted(width, ink: false).ToList();

        Assert.All(lines, line => Assert.InRange(TextWidth.Of(line), 1, width));
        Assert.Contains("12345", lines[1], StringComparison.Ordinal);
        Assert.Contains("running", lines[1], StringComparison.Ordinal);
        Assert.Contains("a-name", lines[1], StringComparison.Ordinal);
        Assert.Contains("failed (127)", lines[3], StringComparison.Ordinal);
        if (width < 200) Assert.Contains("…", lines[1], StringComparison.Ordinal);
        else Assert.Contains(Tasks.Running().Id[..8], lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Colours_do_not_change_the_layout()
    {
        var table = TaskTable.Of([Tasks.Running(), Tasks.Ended("failed", "exit", 1)], Now);
        var (plain, inked) = (table.Fitted(80, ink: false).ToList(), table.Fitted(80, ink: true).ToList());

        Assert.All(inked, line => Assert.Contains("\e[", line, StringComparison.Ordinal));
        Assert.Equal(plain.Select(l => l.TrimEnd()), inked.Select(l => Encoding.UTF8.GetString(new ControlSequences().Clean(Encoding.UTF8.GetBytes(l))).TrimEnd()));
    }

    [Fact]
    [Trait("Requirement", "U-64")]
    public void Where_there_is_no_terminal_fields_stand_between_tabs_without_control_characters()
    {
        var line = TaskTable.Of([Tasks.Running(3, "evil\e[2Jname\tx\n", "echo", "a\e]0;t\a")], Now).Plain().Last();

        Assert.Equal(7, line.Split('\t').Length);
        Assert.DoesNotContain(line.Replace("\t", "", StringComparison.Ordinal), char.IsControl);
        Assert.Contains("evil\\e[2Jname\\tx\\n", line, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Requirement", "U-64")]
    [InlineData("plain\ntext\ttab\n", "plain\ntext\ttab\n")]
    [InlineData("\e[31mred\e[0m", "red")]
    [InlineData("a\e[2J\e[Hb", "ab")]
    [InlineData("a\e]0;title\ab", "ab")]
    [InlineData("a\e]8;;http://x\e\\link\e]8;;\e\\b", "alinkb")]
    [InlineData("a\ePq#0;2\e\\b", "ab")]
    [InlineData("a\e(Bb", "ab")]
    [InlineData("a\ecb", "ab")]
    [InlineData("10%\r20%\r\n", "10%\n20%\n")]
    [InlineData("a\bb\0c\x7f", "abc")]
    [InlineData("a\u009b31mb", "ab")]
    [InlineData("a\u009d0;t\u0007b", "ab")]
    [InlineData("unclosed \e]0;never\nnext line", "unclosed \nnext line")]
    [InlineData("é ü 漢 ¢", "é ü 漢 ¢")]
    public void Output_is_cleaned_whole_or_in_pieces(string printed, string shown)
    {
        var bytes = Encoding.UTF8.GetBytes(printed);
        Assert.Equal(shown, Encoding.UTF8.GetString(new ControlSequences().Clean(bytes)));

        var byteByByte = new ControlSequences();
        Assert.Equal(shown, Encoding.UTF8.GetString([.. bytes.SelectMany(b => byteByByte.Clean([b]))]));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("10m", "10m")]
    [InlineData("yesterday", "yesterday")]
    [InlineData("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.0000000Z")]
    [InlineData("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00.0000000Z")]
    public void Since_is_sent_in_UTC(string? typed, string? sent) => Assert.Equal(sent, LogsVerb.InUtc(typed));

    [Fact]
    public void A_time_without_a_zone_is_one_where_it_is_typed() =>
        Assert.Equal(new DateTime(2026, 11, 20, 10, 0, 0, DateTimeKind.Local).ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'.0000000Z'", System.Globalization.CultureInfo.InvariantCulture), LogsVerb.InUtc("2026-11-20T10:00:00"));

    [Theory]
    [InlineData("90s", 90)]
    [InlineData("1h30m", 5400)]
    [InlineData("PT10M", 600)]
    [InlineData("1.5s", 1.5)]
    [InlineData("0", 0)]
    [InlineData("2d", 172800)]
    public void Lengths_of_time_are_read(string text, double seconds)
    {
        Assert.True(Words.TryReadLength(text, out var length));
        Assert.Equal(seconds, length.TotalSeconds);
    }

    [Theory]
    [InlineData("banana")]
    [InlineData("90")]
    [InlineData("")]
    [InlineData("-5s")]
    [InlineData("5 s")]
    [InlineData("s")]
    [InlineData("99999999d")]
    public void What_is_no_length_of_time_is_refused(string text) => Assert.False(Words.TryReadLength(text, out _));

    [Theory]
    [InlineData(350, "350ms")]
    [InlineData(5012, "5s")]
    [InlineData(2590, "2.5s")]
    [InlineData(60_000, "1m")]
    [InlineData(5_400_000, "1h 30m")]
    [InlineData(90_061_000, "1d 1h")]
    public void Lengths_of_time_are_written(long milliseconds, string text) => Assert.Equal(text, Words.Length(milliseconds));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a b", "'a b'")]
    [InlineData("it's", "'it'\\''s'")]
    [InlineData("", "''")]
    [InlineData("$HOME", "'$HOME'")]
    public void A_command_is_written_as_it_could_be_typed(string word, string quoted) => Assert.Equal(quoted, Words.Quote(word));

    [Fact]
    [Trait("Requirement", "B8")]
    [Trait("Requirement", "V-70")]
    public void A_sheet_says_why_a_task_ended_by_whom_and_what_was_measured()
    {
        var task = Tasks.Ended("timed_out", "inactivity", 143);
        task = task with
        {
            End = task.End! with
            {
                Reason = "silent for 30m",
                Actor = new("rule", "inactivity", null),
                Measured = new Dictionary<string, long> { ["idleMs"] = 1_800_321, ["limitMs"] = 1_800_000 },
                Evidence = ["TERM to group 4711 at 0.0 s", "verified gone at 0.1 s"],
                Leftovers = [new(99, 1, "server\e[31m")],
            },
        };

        var sheet = string.Join('\n', new TaskSheet(task, Now, ink: false, rest => "outlast " + rest).Lines());

        foreach (var expected in (string[])["timed out", "silent for 30m (cause inactivity)", "the rule 'inactivity'", "idle 30m, limit 30m", "TERM to group 4711", "verified gone", "99  server\\e[31m", "attempt 1", "outlast events 1"])
            Assert.Contains(expected, sheet, StringComparison.Ordinal);
        Assert.DoesNotContain(sheet.Replace("\n", "", StringComparison.Ordinal), char.IsControl);
    }

    [Fact]
    [Trait("Requirement", "A22")]
    public void Each_state_has_a_text_of_its_own()
    {
        var texts = TaskStateNames.All.Select(state => Words.State(Tasks.Running() with { State = state })).ToList();
        Assert.Equal(texts.Count, texts.Distinct().Count());
        Assert.All(texts, text => Assert.DoesNotContain('_', text));
    }

    [Fact]
    public void A_long_text_is_wrapped_and_nothing_of_it_is_lost()
    {
        const string text = "make room on the disk, or make the data folder writable; averyveryverylongword stays whole";

        var lines = TextWidth.Wrap(text, 20).ToList();

        Assert.Equal(text, string.Join(' ', lines));
        Assert.All(lines, line => Assert.True(TextWidth.Of(line) <= 20 || !line.Contains(' ', StringComparison.Ordinal)));
    }

    [Fact]
    public void A_tree_is_drawn_with_branches_on_a_terminal_and_indented_elsewhere()
    {
        var tree = new TaskTreeView(Tasks.Running(1), [new(Tasks.Running(2), [new(Tasks.Running(3), [])]), new(Tasks.Running(4), [])]);

        Assert.Equal(["1", "├─ 2", "│  └─ 3", "└─ 4"], TaskTreeDrawing.Lines(tree, true, false, 80).Select(l => l[..l.IndexOf("  running", StringComparison.Ordinal)]));
        Assert.Equal(["1", "  2", "    3", "  4"], TaskTreeDrawing.Lines(tree, false, false, 80).Select(l => l[..l.IndexOf("  running", StringComparison.Ordinal)]));
        Assert.All(TaskTreeDrawing.Lines(tree, true, false, 25), line => Assert.InRange(TextWidth.Of(line), 1, 25));
    }
}
