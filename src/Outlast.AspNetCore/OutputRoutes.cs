using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Outlast.Client;
using Outlast.Output;

namespace Outlast.AspNetCore;

/// <summary>What tasks print: in ranges, as it is while it grows, and as messages.</summary>
internal sealed class OutputRoutes(Api api)
{
    private const int BlockSize = 64 * 1024, FollowBlockSize = 256 * 1024, MessageSize = 16 * 1024;

    /// <summary>A range, or with <c>follow</c> everything from an offset on, as long as the task prints.</summary>
    public async Task GetAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var stream = ReadStream(query);
        var offset = query.Whole("offset", 0, long.MaxValue);
        var limit = query.Whole("limit", 0, long.MaxValue);
        var tail = query.Whole("tail", 0, long.MaxValue);
        var tailLines = query.Whole("tailLines", 0, long.MaxValue);
        var follow = query.Flag("follow");
        var attempt = (int?)query.Whole("attempt", 1, int.MaxValue);
        if (tail is not null && tailLines is not null) query.Fail("tailLines", "is given as well as tail");
        if (offset is not null && (tail ?? tailLines) is not null) query.Fail("offset", "is given as well as tail");
        if (follow && limit is not null) query.Fail("limit", "is given as well as follow");
        query.ThrowIfAny();
        using var output = await TaskOutput.FindAsync(api.Tasks, Api.IdOf(context), stream, api.Time, context.RequestAborted, attempt).ConfigureAwait(false);
        var extent = output.Measure();
        var start = tail is { } bytes ? Math.Max(0, extent.There - bytes) : tailLines is { } lines ? output.Log.FindLastLines(lines, extent.There) : offset;
        // What was found last may have been removed meanwhile.
        if (start > extent.There && offset is null) extent = output.Measure();
        if (follow) await FollowAsync(context, output, StartOf(output, extent, start ?? 0)).ConfigureAwait(false);
        else if (start is null && limit is null && RangeOf(context.Request) is { } range) await SendRangeAsync(context, output, extent, range).ConfigureAwait(false);
        else await SendAsync(context, output, extent, start ?? 0, limit).ConfigureAwait(false);
    }

    /// <summary>Messages, ending with exactly one <c>end</c>.</summary>
    public async Task StreamAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var errorStream = ReadStream(query);
        var offset = query.Whole("offset", 0, long.MaxValue);
        var attempt = (int?)query.Whole("attempt", 1, int.MaxValue);
        // A reader that comes again sends the same address with the cursor in the header: the header is newer.
        if (context.Request.Headers["Last-Event-ID"] is [{ Length: > 0 } cursor]) (attempt, offset) = ReadCursor(query, cursor);
        query.ThrowIfAny();
        using var over = api.OverWith(context);
        using var output = await TaskOutput.FindAsync(api.Tasks, Api.IdOf(context), errorStream, api.Time, over.Token, attempt).ConfigureAwait(false);
        var start = StartOf(output, output.Measure(), offset ?? 0);
        ServerSentEvents.Announce(context.Response);
        var stream = api.Stream(context, over.Token);
        using var messages = new ServerSentEvents(stream);
        await stream.FlushAsync().ConfigureAwait(false);
        await new MessageStream(output, stream, messages, over.Token).RunAsync(start).ConfigureAwait(false);
    }

    /// <summary>By when how much was there.</summary>
    public async Task TimesAsync(HttpContext context)
    {
        var query = new QueryFields(context.Request.Query);
        var errorStream = ReadStream(query);
        var since = ReadMoment(query, "since");
        var attempt = (int?)query.Whole("attempt", 1, int.MaxValue);
        query.ThrowIfAny();
        using var output = await TaskOutput.FindAsync(api.Tasks, Api.IdOf(context), errorStream, api.Time, context.RequestAborted, attempt).ConfigureAwait(false);
        var times = OutputTimes.Read(output.Log.Path).Select(t => new OutputTimeView(t.At, t.Size)).ToList();
        long? from = since is null ? null : times.LastOrDefault(t => t.At <= since)?.Offset ?? 0;
        await Api.AnswerAsync(context, StatusCodes.Status200OK, new(output.Attempt, times, from), OutlastJson.Wire.OutputTimesView).ConfigureAwait(false);
    }

    /// <summary>Where a reader of messages is: an offset, and before it the attempt where that is not the first.</summary>
    private static string CursorOf(int attempt, long offset) => attempt > 1 ? $"{Invariant(attempt)}:{Invariant(offset)}" : Invariant(offset);

    private static (int? Attempt, long? Offset) ReadCursor(QueryFields query, string cursor)
    {
        var parts = cursor.Split(':', 2);
        var attempt = parts.Length == 1 ? 1 : (int?)query.Whole("Last-Event-ID", parts[0], 1, int.MaxValue);
        return (attempt, query.Whole("Last-Event-ID", parts[^1], 0, long.MaxValue));
    }

    private DateTimeOffset? ReadMoment(QueryFields query, string name)
    {
        if (query.Text(name) is not { } text) return null;
        if (Duration.TryParse(text, out var ago)) return api.Time.GetUtcNow() - ago;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)) return at;
        query.Fail(name, $"'{JsonFields.Shorten(text)}' is no length of time and no time; write 10m, or 2026-11-20T10:00:00Z");
        return null;
    }

    private static bool ReadStream(QueryFields query)
    {
        var stream = query.Text("stream");
        if (stream is not (null or "stdout" or "stderr")) query.Fail("stream", "is not one of stdout, stderr");
        return stream == "stderr";
    }

    /// <summary>Where a stream begins. Beyond the output is an error, except where it was there once: a log that was cut, an attempt before.</summary>
    private static long StartOf(TaskOutput output, OutputExtent extent, long asked)
    {
        if (asked <= extent.Size || output.Record.Output.LostBytes > 0) return asked;
        return output.Record.Attempt > 1 ? 0 : throw OutOfRange(asked, extent.Size);
    }

    private async Task SendRangeAsync(HttpContext context, TaskOutput output, OutputExtent extent, RangeItemHeaderValue range)
    {
        var from = range.From ?? Math.Max(0, extent.There - range.To!.Value);
        var to = range.From is null ? extent.There : Math.Min(extent.There, range.To is < long.MaxValue ? range.To.Value + 1 : long.MaxValue);
        if (from >= extent.There)
        {
            context.Response.Headers.ContentRange = $"bytes */{extent.There}";
            throw OutOfRange(from, extent.There);
        }
        from = extent.From(from);
        to = Math.Min(Math.Max(from + 1, to), extent.Until(from));
        context.Response.StatusCode = StatusCodes.Status206PartialContent;
        context.Response.Headers.ContentRange = $"bytes {from}-{to - 1}/{extent.There}";
        await SendAsync(context, output, extent, from, to - from).ConfigureAwait(false);
    }

    private async Task SendAsync(HttpContext context, TaskOutput output, OutputExtent extent, long start, long? limit)
    {
        if (start > extent.Size)
        {
            context.Response.Headers.ContentRange = $"bytes */{extent.Size}";
            throw OutOfRange(start, extent.Size);
        }
        start = extent.From(start);
        var until = extent.Until(start);
        var end = Math.Max(start, limit is { } most && most < until - start ? start + most : until);
        // What was printed and cannot be read any more is passed over, so that a reader who goes on comes to the end.
        var next = start < extent.There || limit == 0 ? end : extent.Size;
        Describe(context.Response, output, extent, start);
        context.Response.Headers["Outlast-Next-Offset"] = Invariant(next);
        context.Response.ContentLength = end - start;
        using var over = api.OverWith(context);
        var stream = api.Stream(context, over.Token);
        for (var at = start; at < end;)
        {
            var count = output.Log.Read(at, Room(stream, BlockSize, end - at));
            if (count == 0) throw new OutputUnreadableException(output.Log.Path, "it was cut while it was read");
            var gone = output.Log.Dropped();
            if (at < gone.To && at + count > gone.From)
            {
                // So many bytes were announced, and must not be made up: the reader asks again.
                context.Abort();
                throw new OperationCanceledException("The output was removed while it was sent.");
            }
            stream.Body.Advance(count);
            at += count;
            await stream.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The bytes as they are. Ends when the task has ended, before bytes that were removed, or when another attempt begins, whose output counts from 0.</summary>
    private async Task FollowAsync(HttpContext context, TaskOutput output, long start)
    {
        var extent = output.Measure();
        start = extent.From(start);
        Describe(context.Response, output, extent, start);
        context.Response.Headers["X-Accel-Buffering"] = "no";
        using var over = api.OverWith(context);
        var stream = api.Stream(context, over.Token);
        await stream.FlushAsync().ConfigureAwait(false);
        var ended = output.EndAsync(over.Token);
        var follower = output.Follow(start, ended);
        while (true)
        {
            var count = follower.Read(Room(stream, FollowBlockSize, long.MaxValue), out var isOver);
            if (count > 0)
            {
                stream.Body.Advance(count);
                await stream.FlushAsync().ConfigureAwait(false);
                if (follower.HasCaughtUp) await follower.WaitAsync(over.Token).ConfigureAwait(false);
                continue;
            }
            // A stream of bytes cannot say that some are gone: it ends before them, and whoever asks again from there is told where it goes on.
            if (follower.Gap is not null) return;
            if (await output.HasMovedAsync(isOver, over.Token).ConfigureAwait(false)) return;
            if (output.IsMoving) continue;
            if (isOver) return;
            await follower.WaitAsync(over.Token).ConfigureAwait(false);
        }
    }

    private static Span<byte> Room(StreamResponse stream, int size, long most)
    {
        var room = stream.Body.GetSpan(size);
        return room.Length <= most ? room : room[..(int)most];
    }

    private static void Describe(HttpResponse response, TaskOutput output, OutputExtent extent, long start)
    {
        response.ContentType = "application/octet-stream";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers.AcceptRanges = "bytes";
        response.Headers["Outlast-Offset"] = Invariant(start);
        response.Headers["Outlast-Size"] = Invariant(extent.Size);
        response.Headers["Outlast-Dropped"] = Invariant(extent.Dropped);
        response.Headers["Outlast-Attempt"] = Invariant(output.Attempt);
        response.Headers["Outlast-Ended"] = output.HasEnded ? "true" : "false";
    }

    /// <summary>The one range that was asked for; several at once are not served, which HTTP allows.</summary>
    private static RangeItemHeaderValue? RangeOf(HttpRequest request) =>
        RangeHeaderValue.TryParse(request.Headers.Range.ToString(), out var range) && range.Unit == "bytes" && range.Ranges.Count == 1 ? range.Ranges.Single() : null;

    private static RefusedException OutOfRange(long offset, long size) => new(Problem.OutOfRange(offset, size));

    private static string Invariant(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>One reader's messages, from an offset to the end.</summary>
    private sealed class MessageStream(TaskOutput output, StreamResponse stream, ServerSentEvents messages, CancellationToken over)
    {
        private readonly byte[] _buffer = new byte[MessageSize];
        private int _held;

        public async Task RunAsync(long start)
        {
            var ended = output.EndAsync(over);
            var follower = output.Follow(start, ended);
            var toldOfCut = false;
            while (true)
            {
                var count = follower.Read(_buffer.AsSpan(_held), out var isOver);
                if (count > 0)
                {
                    WriteWhole(follower.Offset, _held + count, everything: false);
                    await stream.FlushAsync().ConfigureAwait(false);
                    continue;
                }
                if (follower.Gap is { } gone)
                {
                    WriteWhole(gone.From, _held, everything: true);
                    messages.Write("gap", CursorOf(output.Attempt, gone.To), new GapData(gone.From, gone.To, "dropped"), OutlastJson.Wire.GapData);
                    await stream.FlushAsync().ConfigureAwait(false);
                    continue;
                }
                if (await output.HasMovedAsync(isOver, over).ConfigureAwait(false))
                {
                    WriteWhole(follower.Offset, _held, everything: true, output.Attempt - 1);
                    if (follower.Offset > 0) messages.Write("gap", CursorOf(output.Attempt, 0), new GapData(follower.Offset, 0, "attempt", output.Attempt), OutlastJson.Wire.GapData);
                    follower = output.Follow(0, ended);
                }
                else if (isOver && !output.IsMoving)
                {
                    WriteWhole(follower.Offset, _held, everything: true);
                    WriteEnd(follower.Offset, await ended.ConfigureAwait(false));
                    await stream.FlushAsync().ConfigureAwait(false);
                    return;
                }
                else if (!output.IsMoving)
                {
                    if (!toldOfCut && follower.MissingBefore() is > 0 and var missing)
                    {
                        toldOfCut = true;
                        messages.Write("gap", CursorOf(output.Attempt, follower.Offset), new GapData(follower.Offset - missing, follower.Offset, "lost"), OutlastJson.Wire.GapData);
                        await stream.FlushAsync().ConfigureAwait(false);
                    }
                    await messages.BeatAsync().ConfigureAwait(false);
                    await follower.WaitAsync(over).ConfigureAwait(false);
                }
            }
        }

        /// <summary>Writes what is in the buffer, but keeps back a character that is not complete yet.</summary>
        private void WriteWhole(long offsetAfter, int count, bool everything, int? attempt = null)
        {
            var whole = everything ? count : Utf8Cut.Whole(_buffer.AsSpan(0, count));
            var bytes = _buffer.AsSpan(0, whole);
            var offset = offsetAfter - count;
            if (whole > 0)
            {
                var data = Utf8.IsValid(bytes) ? new OutputData(offset, Encoding.UTF8.GetString(bytes), null) : new OutputData(offset, null, Convert.ToBase64String(bytes));
                messages.Write("output", CursorOf(attempt ?? output.Attempt, offset + whole), data, OutlastJson.Wire.OutputData);
            }
            _held = count - whole;
            _buffer.AsSpan(whole, _held).CopyTo(_buffer);
        }

        private void WriteEnd(long offset, TaskSnapshot task)
        {
            if (output.Recorded(task.Record) is var printed && printed > offset) messages.Write("gap", CursorOf(output.Attempt, printed), new GapData(offset, printed, "lost"), OutlastJson.Wire.GapData);
            messages.Write("end", (string?)null, new EndData(Names.Of(task.Record.State), task.Record.End?.Exit?.Code), OutlastJson.Wire.EndData);
        }
    }
}
