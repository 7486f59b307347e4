using System.Text;
using Outlast.Cli.Rendering;
using Outlast.Cli.Watching;
using Outlast.Client;
using Outlast.TestKit;

namespace Outlast.Tests.Cli;

public sealed class TopTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddDays(20000);
    private static readonly DateTimeOffset Now = Start.AddMinutes(10);

    [Theory]
    [InlineData(24, 80)]
    [InlineData(50, 160)]
    [InlineData(24, 40)]
    [InlineData(6, 20)]
    [InlineData(2, 10)]
    [InlineData(1, 1)]
    [Trait("Requirement", "U-63")]
    public void A_frame_fills_the_screen_and_never_more(int height, int width)
    {
        foreach (var ink in (bool[])[false, true])
        {
            var view = Shown(ink, [.. Enumerable.Range(1, 40).Select(i => Busy(i, "a-rather-long-name-建造-" + i))]);
            foreach (var keys in (string[])["", "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj", "?", "xs", "\ee", "\e"])
            {
                Press(view, keys);
                var frame = view.Frame(height, width);
                Assert.Equal(height, frame.Count);
                Assert.All(frame, line => Assert.InRange(Width(line), 0, width));
            }
        }
    }

    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    public void After_a_full_line_nothing_is_cleared(int width) =>
        Assert.Equal($"\e[H{new string('x', width)}\e[0m\r\n\e[1my\e[0m\e[0m\e[K", FullScreen.Compose([new string('x', width), "\e[1my\e[0m"], width));

    [Fact]
    [Trait("Requirement", "U-63")]
    public void A_row_shows_what_the_task_uses_and_what_is_left()
    {
        var row = TopTable.Of([Busy(7, "build")], Now).Plain().Last().Split('\t');

        Assert.Equal(["7", "running", "150", "12M", "3", "2.0K", "1.0K/s", "2m", "20m", "10m", "build", "make"], row);
    }

    [Fact]
    public void Of_two_limits_the_nearer_counts_and_a_task_without_one_has_none()
    {
        Assert.Equal((TimeSpan.FromMinutes(20), false, false), TopTable.Left(Busy(1, "x"), Now));
        Assert.Equal((TimeSpan.FromMinutes(1), true, false), TopTable.Left(Busy(1, "x") with { IdleMs = 29 * 60_000 - 0, Limits = new(1_800_000, 30 * 60_000, null) }, Now) is { } left ? (left.Left, left.OfSilence, false) : default);
        Assert.True(TopTable.Left(Busy(1, "x") with { Limits = new(610_000, null, null) }, Now)!.Value.IsShort);
        Assert.Null(TopTable.Left(Busy(1, "x") with { Limits = null }, Now));
        Assert.Null(TopTable.Left(Tasks.Ended("failed", "exit", 1) with { Limits = new(1, 1, 1) }, Now));
    }

    [Fact]
    public void The_selected_task_stays_selected_when_others_come_and_go_and_its_neighbour_takes_its_place()
    {
        var view = Shown(false, [Busy(1, "a"), Busy(2, "b"), Busy(3, "c")]);
        Assert.Equal(3, view.Selected!.Number);
        Press(view, "j");
        Assert.Equal(2, view.Selected!.Number);

        view.Take(Sample([Busy(1, "a"), Busy(2, "b"), Busy(3, "c"), Busy(4, "d")]));
        Assert.Equal(2, view.Selected!.Number);
        view.Take(Sample([Busy(1, "a"), Busy(3, "c"), Busy(4, "d")]));
        Assert.Equal(1, view.Selected!.Number);
        view.Take(Sample([]));
        Assert.Null(view.Selected);
        Assert.Contains(view.Frame(10, 60), l => l.Contains("no task is open", StringComparison.Ordinal));
    }

    [Fact]
    public void When_the_selected_task_ends_its_open_neighbour_is_selected_and_one_that_had_ended_stays()
    {
        var view = Shown(false, [Busy(1, "a"), Busy(2, "b"), Busy(3, "c")]);
        Press(view, "j");
        view.Take(Sample([Busy(1, "a"), Ended(2), Busy(3, "c")]));
        Assert.Equal(1, view.Selected!.Number);
        view.Take(Sample([Ended(1), Ended(2), Busy(3, "c")]));
        Assert.Equal(3, view.Selected!.Number);
        Press(view, "j");
        Assert.Equal(2, view.Selected!.Number);
        view.Take(Sample([Ended(1), Ended(2), Busy(3, "c")]));
        Assert.Equal(2, view.Selected!.Number);
        Press(view, "k");
        view.Take(Sample([Ended(1), Ended(2), Ended(3)]));
        Assert.Equal(3, view.Selected!.Number);

        static TaskView Ended(int number) => Tasks.Ended("completed", "exit", 0) with { Id = $"id{number}", Number = number };
    }

    [Fact]
    public void A_message_goes_by_the_clock_and_not_by_the_samples()
    {
        var time = new ManualTime();
        var view = Shown(false, [Busy(1, "a")], time);
        Assert.Null(view.MessageRests);
        view.Tell("said");
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal((TimeSpan.FromSeconds(1), "said"), (view.MessageRests, view.Frame(10, 80)[^1]));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(view.MessageRests);
        Assert.DoesNotContain("said", view.Frame(10, 80)[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sy", false)]
    [InlineData("Sy", true)]
    [InlineData("SY", true)]
    public void A_stop_asks_first(string keys, bool now)
    {
        var view = Shown(false, [Busy(1, "a")]);
        Assert.Null(Press(view, keys[..1]));
        Assert.Contains("[y/N]", view.Frame(10, 80)[^1], StringComparison.Ordinal);
        Assert.Equal(now, Assert.IsType<TopWish.Stop>(Press(view, keys[1..])).Now);
    }

    [Theory]
    [InlineData("sn")]
    [InlineData("s\r")]
    [InlineData("s\e")]
    [InlineData("ss")]
    [InlineData("y")]
    public void Nothing_but_a_yes_stops_anything(string keys) => Assert.Null(Press(Shown(false, [Busy(1, "a")]), keys));

    [Fact]
    public void While_something_is_asked_the_other_keys_do_nothing()
    {
        var view = Shown(false, [Busy(1, "a"), Busy(2, "b")]);
        Assert.Equal("+30mq", Assert.IsType<TopWish.Extend>(Press(view, "ex\u007f30mq\r")).By);
        Assert.Equal("2h", Assert.IsType<TopWish.Extend>(Press(view, "e\u007f2h\r")).By);
        Assert.Null(Press(view, "e\r"));
        Assert.Null(Press(view, "e30m\e"));
        Assert.IsType<TopWish.Quit>(Press(view, "q"));
        Assert.IsType<TopWish.Quit>(Press(view, "\u0003"));
        Assert.IsType<TopWish.Suspend>(Press(view, "\u001a"));
    }

    [Fact]
    public void What_has_ended_or_has_no_limit_is_said_to_be_so()
    {
        var view = Shown(false, [Tasks.Ended("failed", "exit", 3) with { EndedAt = Now }]);
        Assert.Null(Press(view, "s"));
        Assert.Contains("has ended already: failed (3)", view.Frame(10, 80)[^1], StringComparison.Ordinal);

        view = Shown(false, [Busy(1, "a") with { Limits = null }]);
        Assert.Null(Press(view, "e"));
        Assert.Contains("has no limit", view.Frame(10, 80)[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_column_can_order_the_list_and_the_ended_stay_below()
    {
        var view = Shown(false, [Busy(1, "a") with { Live = new(1, 900, 1, 5, 7) }, Busy(2, "b") with { Live = new(1, 500, 1, 80, 1) }, Tasks.Ended("completed", "exit", 0) with { Number = 3 }]);
        Assert.Equal([2, 1, 3], Order(view));
        Press(view, "o");
        Assert.Contains("CPU%▾", view.Frame(10, 120)[2], StringComparison.Ordinal);
        Assert.Equal([2, 1, 3], Order(view));
        Press(view, "o");
        Assert.Equal([1, 2, 3], Order(view));
        for (var i = 0; i < Enum.GetValues<TopOrder>().Length - 2; i++)
        {
            Press(view, "o");
            Assert.Equal(3, Order(view)[^1]);
        }
        Assert.Contains("TASK▾", view.Frame(10, 120)[2], StringComparison.Ordinal);

        static int[] Order(TopView view) => [.. view.Frame(10, 120).Skip(3).Take(3).Select(l => int.Parse(l.TrimStart('>').Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], System.Globalization.CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void A_host_that_is_away_is_said_to_be_so_and_the_tasks_stay_in_sight()
    {
        var view = Shown(false, [Busy(1, "a")]);
        view.Take(Sample([Busy(1, "a") with { Live = null }]) with { AwaySince = Now.AddSeconds(-5) });
        var frame = view.Frame(10, 80);
        Assert.Contains("the host is away for 5s", frame[1], StringComparison.Ordinal);
        Assert.Contains(frame, l => l.Contains("running", StringComparison.Ordinal));
    }

    [Fact]
    public void Foreign_text_cannot_move_the_terminal()
    {
        var view = Shown(false, [Busy(1, "evil\e[2J\nname")]);
        view.Followed = null;
        Assert.DoesNotContain(string.Concat(view.Frame(10, 200)), char.IsControl);
        Press(view, "s");
        Assert.DoesNotContain(string.Concat(view.Frame(10, 200)), char.IsControl);
        var output = new FollowedOutput("t");
        output.Add("\e[2Ja\tb\e]0;x\a\r\n"u8);
        Assert.Equal(["a    b"], output.Lines(5, 80));
    }

    [Fact]
    [Trait("Requirement", "U-63")]
    public void Output_shows_its_last_lines_also_when_it_comes_in_pieces_and_stays_where_a_reader_looks_back()
    {
        var output = new FollowedOutput("t");
        foreach (var b in Encoding.UTF8.GetBytes("one\nzwö")) output.Add([b]);
        Assert.Equal(["one", "zwö"], output.Lines(5, 80));
        output.Add("lf\nthree\n"u8);
        Assert.Equal(["zwölf", "three"], output.Lines(2, 80));
        output.Scroll(1);
        output.Add("four\n"u8);
        Assert.Equal(["one", "zwölf"], output.Lines(2, 80));
        output.Scroll(int.MinValue);
        Assert.Equal(["three", "four"], output.Lines(2, 80));
    }

    [Theory]
    [InlineData("\e[A", new[] { "Up" })]
    [InlineData("\eOB", new[] { "Down" })]
    [InlineData("\e[5~\e[6~", new[] { "PageUp", "PageDown" })]
    [InlineData("\e[1~\e[F", new[] { "Home", "End" })]
    [InlineData("\e", new[] { "Escape" })]
    [InlineData("\e[1;5Cj", new[] { "Other", "Text" })]
    [InlineData("\r", new[] { "Enter" })]
    [InlineData("ö", new[] { "Text" })]
    public void Keys_are_read_from_what_a_terminal_sends(string sent, string[] keys) => Assert.Equal(keys, Key.Read(Encoding.UTF8.GetBytes(sent)).Select(k => k.Name.ToString()));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(999, "999")]
    [InlineData(1023, "1.0K")]
    [InlineData(1_500, "1.5K")]
    [InlineData(12_900_000, "12M")]
    [InlineData(5_000_000_000, "4.7G")]
    public void Sizes_are_short(long bytes, string text) => Assert.Equal(text, Words.ShortBytes(bytes));

    private static TaskView Busy(long number, string name) => Tasks.Running(number, name, "make") with
    {
        Id = $"id{number}",
        StartedAt = Start,
        IdleMs = 125_000,
        Limits = new(30 * 60_000, null, null),
        Output = new(2000, 48, 0, 0),
        Live = new(5000, 12_900_000, 3, 150.4, 1024),
    };

    private static TopSample Sample(IReadOnlyList<TaskView> tasks) => new(Now, new HostView
    {
        Version = "1",
        HostId = "h1",
        BootId = "b",
        Epoch = 1,
        StartedAt = Start,
        DataFolder = "/d",
        Store = new("sqlite", "3", "full"),
        Limits = [new("concurrency.processes", "8", "default")],
        Running = tasks.Count,
    }, null, tasks, false, 1L << 40);

    private static TopView Shown(bool ink, IReadOnlyList<TaskView> tasks, TimeProvider? time = null)
    {
        var view = new TopView(ink, time ?? TimeProvider.System);
        view.Take(Sample(tasks));
        return view;
    }

    /// <summary>What the last of the keys leads to.</summary>
    private static TopWish? Press(TopView view, string keys)
    {
        TopWish? wish = null;
        // Each sent by itself, as by a person.
        foreach (var c in keys) foreach (var key in Key.Read(Encoding.UTF8.GetBytes(c.ToString()))) wish = view.Press(key);
        return wish;
    }

    private static int Width(string line) => TextWidth.Of(Encoding.UTF8.GetString(new ControlSequences().Clean(Encoding.UTF8.GetBytes(line))));
}
