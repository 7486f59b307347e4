using System.CommandLine;
using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class LogsVerb
{
    private const int MostBeforeLine = 64 * 1024, AtOnce = 1 << 20;

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("logs", "What a task printed", "Each piece with its offset, one a line; with --grep and --timestamps each line");
        var id = Verb.OneTask();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on until it has ended" };
        var tail = Verb.Number("--tail", "Only so many of the last lines (of those that fit, with --grep)", least: 0);
        var since = new Option<string?>("--since") { Description = "Only what may have been printed after that: 10m ago, or a time such as 2026-11-20T10:00:00Z", HelpName = "D|TIME" };
        var sinceOffset = Verb.Number("--since-offset", "Only standard output, from this byte on: resumes where an earlier reader was", least: 0);
        var timestamps = new Option<bool>("--timestamps", "-t") { Description = "Before each line the time by which it was there" };
        var grep = new Option<string?>("--grep") { Description = "Only lines in which this regular expression is found", HelpName = "REGEX" };
        var ignoreCase = new Option<bool>("--ignore-case", "-i") { Description = "For --grep, large and small letters are the same" };
        var attempt = Verb.Number("--attempt", "What that attempt printed; otherwise the last", least: 1);
        var raw = new Option<bool>("--raw") { Description = "With control sequences, on a terminal too" };
        var clean = new Option<bool>("--clean") { Description = "Without control sequences, elsewhere too" };
        command.Arguments.Add(id);
        foreach (var option in (Option[])[follow, tail, since, sinceOffset, timestamps, grep, ignoreCase, attempt, raw, clean]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            Refuse("--tail", parsed.GetValue(tail) is not null, "--since-offset", parsed.GetValue(sinceOffset) is not null);
            Refuse("--since", parsed.GetValue(since) is not null, "--since-offset", parsed.GetValue(sinceOffset) is not null);
            Refuse("--attempt", parsed.GetValue(attempt) is not null, "--follow", parsed.GetValue(follow));
            Refuse("--raw", parsed.GetValue(raw), "--clean", parsed.GetValue(clean));
            if (parsed.GetValue(ignoreCase) && parsed.GetValue(grep) is null) throw CommandException.Usage("--ignore-case needs --grep");
            return RunAsync(context, parsed.GetValue(id)!, new(
                parsed.GetValue(follow), parsed.GetValue(tail), InUtc(parsed.GetValue(since)), parsed.GetValue(sinceOffset), parsed.GetValue(timestamps),
                Pattern(parsed.GetValue(grep), parsed.GetValue(ignoreCase)), parsed.GetValue(raw) ? false : parsed.GetValue(clean) ? true : null, parsed.GetValue(json))
            {
                Attempt = parsed.GetValue(attempt) is { } one ? (int)Math.Min(one, int.MaxValue) : null,
            }, cancel);
        });
        return command;
    }

    /// <summary>A time without a zone is meant where it was typed; the host may live in another zone. What is a length of time, or nothing, is the host's to judge.</summary>
    internal static string? InUtc(string? since) =>
        since is not null && since.AsSpan().ContainsAny('-', ':') && DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var at)
            ? at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture)
            : since;

    private static async Task<int> RunAsync(CommandContext context, string name, Wish wish, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var task = await client.GetAsync(await TaskNames.FindAsync(client, context, name, cancel), cancel: cancel);
        if (task.HasEnded) wish = wish with { Follow = false };
        if (task.Output.RemovedAt is { } removed)
        {
            context.Terminal.Say($"the output of task {task.Number} was removed at {Words.At(removed, context.Time.GetUtcNow())}: {task.Output.RemovedReason}");
            return ExitCodes.NotFound;
        }
        var separate = task.Spec.Process?.Stderr == "separate" && wish.SinceOffset is null;

        // One after the other keeps each whole; only a follower needs both at once.
        if (wish.Follow && separate)
        {
            await Together.RunAsync(cancel, stop => PrintAsync(context, client, task, wish, errorStream: false, stop), stop => PrintAsync(context, client, task, wish, errorStream: true, stop));
        }
        else
        {
            await PrintAsync(context, client, task, wish, errorStream: false, cancel);
            if (separate) await PrintAsync(context, client, task, wish, errorStream: true, cancel);
        }
        return ExitCodes.Ok;
    }

    private static async Task PrintAsync(CommandContext context, OutlastHttpClient client, TaskView task, Wish wish, bool errorStream, CancellationToken cancel)
    {
        // Pinned: an attempt that begins meanwhile prints from 0.
        var source = new OutputSource(task.Id, errorStream, wish.Attempt ?? (task.Attempt > 0 ? task.Attempt : null));
        var times = wish.Timestamps || wish.Since is not null ? await client.ReadOutputTimesAsync(source, wish.Since, cancel) : null;
        var printer = new OutputPrinter(context.Terminal, errorStream, wish.Clean, wish.Json);
        var lines = new LineSieve(printer, wish.Grep, wish.Timestamps ? times!.Times : null, wish.Grep is null ? null : wish.Tail, context.Time);
        var offset = wish.SinceOffset ?? 0;
        try
        {
            if (times?.Since is { } since) offset = (task.HasEnded || wish.Attempt < task.Attempt) && times.Times is [.., var end] && since == end.Offset ? since : await LineStartAsync(client, source, since, cancel);
            // The last lines that fit a pattern can be anywhere.
            if (wish.Tail is { } last && wish.Grep is null) offset = Math.Max(offset, await client.FindOutputTailAsync(source, last, cancel));
            offset = await PrintPresentAsync(client, source, lines, offset, cancel);
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.OutOfRange)
        {
            throw CommandException.Usage($"--since-offset {offset} is beyond the output, which has {Words.Bytes(task.Output.Bytes)}");
        }
        if (!wish.Follow) lines.FinishLine();
        lines.Release();
        if (!wish.Follow) return;
        await client.FollowOutputAsync(source, offset, (bytes, _) =>
        {
            lines.Take(offset, bytes.Span);
            offset += bytes.Length;
            return ValueTask.CompletedTask;
        }, gap =>
        {
            lines.PassOver(gap);
            offset = gap.To;
        }, attempt =>
        {
            lines.FinishLine();
            offset = 0;
            if (!errorStream) context.Terminal.Say($"attempt {attempt} begins");
        }, cancel);
        lines.FinishLine();
    }

    /// <summary>Prints as much as there was when the reading began, piece by piece: an output may be larger than memory.</summary>
    private static async Task<long> PrintPresentAsync(OutlastHttpClient client, OutputSource source, LineSieve lines, long offset, CancellationToken cancel)
    {
        long? end = null;
        while (true)
        {
            var range = await client.ReadOutputAsync(source, offset, AtOnce, cancel);
            end ??= range.Size;
            if (range.Offset > offset) lines.PassOver(new(offset, range.Offset, "dropped"));
            var held = range.Bytes.Length == AtOnce ? Unfinished(range.Bytes.Span) : 0;
            lines.Take(range.Offset, range.Bytes.Span[..^held]);
            var next = range.NextOffset - held;
            if (next <= offset || next >= end) return next;
            offset = next;
        }
    }

    /// <summary>How many bytes at the end are a character that goes on in the next piece.</summary>
    private static int Unfinished(ReadOnlySpan<byte> bytes) => Rune.DecodeLastFromUtf8(bytes, out _, out var count) == OperationStatus.NeedMoreData ? count : 0;

    /// <summary>Where the line begins that holds that offset, or a long line's part.</summary>
    private static async Task<long> LineStartAsync(OutlastHttpClient client, OutputSource source, long offset, CancellationToken cancel)
    {
        var from = Math.Max(0, offset - MostBeforeLine);
        if (offset == from) return offset;
        var before = await client.ReadOutputAsync(source, from, (int)(offset - from), cancel);
        var known = before.Bytes.Span[..(int)Math.Clamp(offset - before.Offset, 0, before.Bytes.Length)];
        return before.Offset + known.Length < offset ? offset : known.LastIndexOf((byte)'\n') is >= 0 and var at ? before.Offset + at + 1 : before.Offset;
    }

    private static void Refuse(string one, bool isOne, string other, bool isOther)
    {
        if (isOne && isOther) throw CommandException.Usage($"{one} and {other} exclude each other");
    }

    private static Regex? Pattern(string? text, bool ignoreCase)
    {
        if (text is null) return null;
        try
        {
            // No pattern may take longer than the lines are long.
            return new Regex(text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | (ignoreCase ? RegexOptions.IgnoreCase : RegexOptions.None));
        }
        catch (RegexParseException e)
        {
            throw CommandException.Usage($"--grep '{text}' is no regular expression: {Reason(e)} at position {e.Offset}");
        }
        catch (NotSupportedException)
        {
            throw CommandException.Usage($"--grep '{text}' looks ahead, looks back or refers back, which is not supported here");
        }
    }

    /// <summary>The words of the fault alone: the message names pattern and position too.</summary>
    private static string Reason(RegexParseException e) => e.Message[(e.Message.LastIndexOf(". ", StringComparison.Ordinal) is >= 0 and var at ? at + 2 : 0)..].TrimEnd('.');

    /// <summary>What is wanted of an output.</summary>
    private sealed record Wish(bool Follow, long? Tail, string? Since, long? SinceOffset, bool Timestamps, Regex? Grep, bool? Clean, bool Json)
    {
        public int? Attempt { get; init; }
    }
}
