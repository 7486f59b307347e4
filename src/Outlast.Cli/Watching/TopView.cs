using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Watching;

/// <summary>What a key asks for that the view cannot do by itself.</summary>
internal abstract record TopWish
{
    public sealed record Quit : TopWish;
    public sealed record Suspend : TopWish;
    public sealed record Redraw : TopWish;
    public sealed record Stop(TaskView Task, bool Now) : TopWish;
    public sealed record Extend(TaskView Task, string By) : TopWish;
    public sealed record Follow(TaskView Task) : TopWish;
    public sealed record Leave : TopWish;
}

/// <summary>What a person sees and does: samples and keys in, frames and wishes out. Touches nothing.</summary>
internal sealed class TopView(bool ink, TimeProvider time)
{
    private static readonly TimeSpan MessageStays = TimeSpan.FromSeconds(6);
    private static readonly string[] HelpText =
    [
        "up down j k  select            PgUp PgDn Home End  further",
        "s            ask the task to stop, with its tree; asks y/n first",
        "S            stop it now, without the grace; asks y/n first",
        "e            extend its limits: +30m adds, 2h counts from now, none lifts",
        "f Enter      follow its output; q or Esc comes back",
        "o            order by the next column; the one with ▾ counts",
        "Ctrl-Z       suspend         Ctrl-L  draw anew",
        "?            this help       q       quit; every task goes on",
        "",
        "CPU%: 100 is one processor. MEM: resident memory of all its processes.",
        "LEFT: until the nearer of its limits. Dimmed: ended in the last minute.",
    ];

    private TopSample _sample = TopSample.Nothing(DateTimeOffset.UnixEpoch);
    private IReadOnlyList<TaskView> _rows = [];
    private TopOrder _order = TopOrder.Task;
    private string? _selected;
    private int _first;
    private Prompt? _prompt;
    private bool _help;
    private (string Text, long At)? _message;

    /// <summary>The output that is followed, instead of the list.</summary>
    public FollowedOutput? Followed { get; set; }

    public TaskView? Selected => _rows.FirstOrDefault(t => t.Id == _selected);

    public void Take(TopSample sample)
    {
        var (before, index, was) = (_rows, IndexOfSelected(), Selected);
        _sample = sample;
        Sort();
        // The ended are far below: whoever works among the open ones stays there.
        if (was is { HasEnded: false } && Selected is { HasEnded: true })
            _selected = before.Skip(index + 1).Concat(before.Take(index).Reverse()).Select(near => _rows.FirstOrDefault(t => t.Id == near.Id)).FirstOrDefault(t => t is { HasEnded: false })?.Id ?? _selected;
        // The one that was selected may be gone: then the one that took its place is.
        if (Selected is null && _rows.Count > 0) _selected = _rows[Math.Clamp(index, 0, _rows.Count - 1)].Id;
    }

    public void Tell(string text) => _message = (text, time.GetTimestamp());

    /// <summary>How long the message stays; none where there is none.</summary>
    public TimeSpan? MessageRests => _message is { } message && MessageStays - time.GetElapsedTime(message.At) is { Ticks: > 0 } rest ? rest : null;

    public TopWish? Press(Key key)
    {
        if (key.Name == KeyName.Interrupt) return new TopWish.Quit();
        if (key.Name == KeyName.Stop) return new TopWish.Suspend();
        if (key.Name == KeyName.Redraw) return new TopWish.Redraw();
        if (_prompt is not null) return Answer(_prompt, key);
        if (_help)
        {
            _help = false;
            return null;
        }
        if (Followed is null) return PressInList(key);
        if (key is { Name: KeyName.Escape } or { Text: "q" }) return new TopWish.Leave();
        ScrollOutput(key);
        return null;
    }

    /// <summary>Exactly so many lines, none wider than the screen.</summary>
    public IReadOnlyList<string> Frame(int height, int width)
    {
        List<string> lines = [.. Head(width)];
        var room = Math.Max(0, height - lines.Count - 1);
        var body = (_help ? HelpText.Select(l => TextWidth.Cut("  " + l, width)) : Followed is { } output ? output.Lines(room, width) : List(room, width)).Take(room).ToList();
        lines.AddRange(body);
        lines.AddRange(Enumerable.Repeat("", room - body.Count));
        lines.Add(Foot(width));
        return lines.Count <= height ? lines : lines[^Math.Max(1, height)..];
    }

    private TopWish? PressInList(Key key)
    {
        switch (key)
        {
            case { Name: KeyName.Up } or { Text: "k" }: Move(-1); return null;
            case { Name: KeyName.Down } or { Text: "j" }: Move(1); return null;
            case { Name: KeyName.PageUp }: Move(-10); return null;
            case { Name: KeyName.PageDown }: Move(10); return null;
            case { Name: KeyName.Home }: Move(-_rows.Count); return null;
            case { Name: KeyName.End }: Move(_rows.Count); return null;
            case { Text: "o" }:
                _order = (TopOrder)(((int)_order + 1) % Enum.GetValues<TopOrder>().Length);
                Sort();
                return null;
            case { Text: "?" }: _help = true; return null;
            case { Text: "q" }: return new TopWish.Quit();
        }
        if (Selected is not { } task) return null;
        switch (key)
        {
            case { Name: KeyName.Enter } or { Text: "f" }: return new TopWish.Follow(task);
            case { Text: "s" or "S" or "e" } when task.HasEnded: Tell(Words.Invariant($"task {task.Number} has ended already: {Words.State(task)}")); return null;
            case { Text: "s" }: _prompt = new(task, PromptKind.Stop); return null;
            case { Text: "S" }: _prompt = new(task, PromptKind.StopNow); return null;
            case { Text: "e" } when task.Limits is not ({ TimeoutMs: not null } or { IdleTimeoutMs: not null }): Tell(Words.Invariant($"task {task.Number} has no limit to extend")); return null;
            case { Text: "e" }: _prompt = new(task, PromptKind.Extend) { Typed = "+" }; return null;
            default: return null;
        }
    }

    private void ScrollOutput(Key key)
    {
        switch (key)
        {
            case { Name: KeyName.Up } or { Text: "k" }: Followed!.Scroll(1); break;
            case { Name: KeyName.Down } or { Text: "j" }: Followed!.Scroll(-1); break;
            case { Name: KeyName.PageUp }: Followed!.Scroll(20); break;
            case { Name: KeyName.PageDown }: Followed!.Scroll(-20); break;
            case { Name: KeyName.End }: Followed!.Scroll(int.MinValue); break;
            case { Text: "?" }: _help = true; break;
        }
    }

    private TopWish? Answer(Prompt prompt, Key key)
    {
        if (key.Name == KeyName.Escape)
        {
            _prompt = null;
            return null;
        }
        if (prompt.Kind != PromptKind.Extend)
        {
            // Only a clear yes stops anything.
            _prompt = null;
            if (key.Text is "y" or "Y") return new TopWish.Stop(prompt.Task, prompt.Kind == PromptKind.StopNow);
            Tell("nothing was stopped");
            return null;
        }
        switch (key.Name)
        {
            case KeyName.Enter:
                _prompt = null;
                return prompt.Typed is "" or "+" ? null : new TopWish.Extend(prompt.Task, prompt.Typed);
            case KeyName.Backspace:
                _prompt = prompt with { Typed = prompt.Typed.Length > 0 ? prompt.Typed[..^1] : "" };
                return null;
            case KeyName.Text when prompt.Typed.Length < 20:
                _prompt = prompt with { Typed = prompt.Typed + key.Text };
                return null;
            default:
                return null;
        }
    }

    private void Move(int by)
    {
        if (_rows.Count > 0) _selected = _rows[Math.Clamp(IndexOfSelected() + by, 0, _rows.Count - 1)].Id;
    }

    private int IndexOfSelected()
    {
        for (var i = 0; i < _rows.Count; i++)
            if (_rows[i].Id == _selected) return i;
        return 0;
    }

    private void Sort() => _rows = TopTable.Sort(_sample.Tasks, _order, _sample.At);

    private IEnumerable<string> Head(int width)
    {
        var host = _sample.Host;
        var who = host is null ? "no host yet" : Words.Invariant($"host {host.HostId}, pid {host.Pid}, since {Words.At(host.StartedAt, _sample.At)}, {host.DataFolder}");
        yield return TextWidth.Cut($"outlast top  {ControlSequences.Escape(who)}", width) is var title && ink ? Ink.Bold(title) : title;
        if (_sample.AwaySince is { } away)
        {
            var text = TextWidth.Cut($"the host is away for {Words.ShortLength(_sample.At - away)}; commands go on, this view when it is back", width);
            yield return ink ? Ink.OfLevel("warn", text) : text;
            yield break;
        }
        yield return TextWidth.Cut(string.Join("  ", Facts(host)), width);
    }

    private IEnumerable<string> Facts(HostView? host)
    {
        if (host is null) yield break;
        var places = host.Limits.FirstOrDefault(l => l.Key == "concurrency.processes")?.Value;
        yield return Words.Invariant($"{host.Running} running{(places is null ? "" : $" of {places} places")}, {host.Queued} queued");
        if (_sample.More) yield return Words.Invariant($"the newest {_sample.Tasks.Count(t => !t.HasEnded)} are shown");
        if (_sample.FreeBytes is { } free) yield return $"disk {Words.Bytes(free)} free";
        yield return Words.At(_sample.At, _sample.At);
    }

    private IEnumerable<string> List(int room, int width)
    {
        if (_rows.Count == 0)
        {
            if (_sample.Host is not null) yield return TextWidth.Cut("  no task is open", width);
            yield break;
        }
        var table = TopTable.Of(_rows, _sample.At, _order);
        var (plain, coloured) = (table.Fitted(width, ink: false).ToList(), table.Fitted(width, ink).ToList());
        yield return coloured[0];
        var rows = Math.Max(1, room - 1);
        var at = IndexOfSelected();
        _first = Math.Clamp(_first, Math.Max(0, at - rows + 1), at);
        _first = Math.Max(0, Math.Min(_first, _rows.Count - rows));
        for (var i = _first; i < Math.Min(_rows.Count, _first + rows); i++)
        {
            if (i == at) yield return ink ? $"\e[7m{plain[i + 1].PadRight(Math.Max(0, width - TextWidth.Of(plain[i + 1]) + plain[i + 1].Length))}\e[0m" : TextWidth.Cut(">" + plain[i + 1], width);
            else yield return !ink ? plain[i + 1] : _rows[i].HasEnded ? Ink.Dim(plain[i + 1]) : coloured[i + 1];
        }
    }

    private string Foot(int width)
    {
        var text = _prompt is { } prompt ? Question(prompt)
            : MessageRests is not null ? _message!.Value.Text
            : _help ? "any key: back"
            : Followed is { } output ? $"{output.Title}   q: back  up/down: scroll"
            : "s stop  S stop now  e extend  f follow  o order  ? help  q quit";
        text = TextWidth.Cut(ControlSequences.Escape(text), width);
        return !ink ? text : _prompt is null ? Ink.Dim(text) : Ink.Bold(text);
    }

    private static string Question(Prompt prompt) => prompt.Kind switch
    {
        PromptKind.Stop => Words.Invariant($"Ask task {prompt.Task.Number} ({prompt.Task.Name}) and its tree to stop? [y/N]"),
        PromptKind.StopNow => Words.Invariant($"Stop task {prompt.Task.Number} ({prompt.Task.Name}) and its tree now? [y/N]"),
        _ => Words.Invariant($"Extend the limits of task {prompt.Task.Number} by: {prompt.Typed}_   (Enter, or Esc)"),
    };

    private enum PromptKind { Stop, StopNow, Extend }

    private sealed record Prompt(TaskView Task, PromptKind Kind)
    {
        public string Typed { get; init; } = "";
    }
}
