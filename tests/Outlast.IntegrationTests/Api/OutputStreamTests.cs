using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class OutputStreamTests
{
    [Fact]
    public async Task The_messages_are_as_the_contract_shows_them()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "step 1\n"u8);
        host.Tasks.End(task.Id, TaskState.Failed, exitCode: 7, printed: 100);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output/stream?offset=0");
        Assert.Equal((HttpStatusCode.OK, "text/event-stream", "no-store", "no"),
            (response.StatusCode, response.Content.Headers.ContentType!.ToString(), response.Header("Cache-Control"), response.Header("X-Accel-Buffering")));
        Assert.Equal("""
            event: output
            id: 7
            data: {"offset":0,"text":"step 1\n"}

            event: gap
            id: 100
            data: {"from":7,"to":100,"why":"lost"}

            event: end
            data: {"state":"failed","exitCode":7}


            """, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [Trait("Requirement", "D3")]
    [InlineData(TaskState.Completed, 0)]
    [InlineData(TaskState.Failed, 7)]
    [InlineData(TaskState.TimedOut, 143)]
    [InlineData(TaskState.Stopped, 143)]
    [InlineData(TaskState.Lost, null)]
    public async Task Every_end_is_one_last_frame_after_all_output(TaskState state, int? exitCode)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add(state: TaskState.Queued);
        await using var frames = host.Client.StreamOutputAsync(task.Id.ToString()).GetAsyncEnumerator();
        var first = frames.MoveNextAsync().AsTask();
        host.Tasks.Print(task.Id, "a"u8);
        Assert.True(await first.Soon());
        Assert.Equal("a", Encoding.ASCII.GetString(Assert.IsType<OutputFrame.Chunk>(frames.Current).Bytes.Span));
        host.Tasks.Print(task.Id, "last words"u8);
        host.Tasks.End(task.Id, state, exitCode);
        var rest = new List<OutputFrame>();
        while (await frames.MoveNextAsync().AsTask().Soon()) rest.Add(frames.Current);
        Assert.Equal("last words", string.Concat(rest.OfType<OutputFrame.Chunk>().Select(c => Encoding.ASCII.GetString(c.Bytes.Span))));
        Assert.Equal(new OutputFrame.End(Names.Of(state), exitCode), rest[^1]);
        Assert.Single(rest.OfType<OutputFrame.End>());
    }

    [Fact]
    [Trait("Requirement", "D1")]
    public async Task Whoever_comes_late_or_again_gets_what_is_missing_and_then_what_is_live()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        var id = task.Id.ToString();
        host.Tasks.Print(task.Id, "before "u8);
        long cursor;
        await using (var first = host.Client.StreamOutputAsync(id).GetAsyncEnumerator())
        {
            Assert.True(await first.MoveNextAsync().AsTask().Soon());
            cursor = Assert.IsType<OutputFrame.Chunk>(first.Current).Next;
        }
        host.Tasks.Print(task.Id, "missed "u8);
        // A browser comes again to the same address; its header is newer than the address.
        using var again = await host.GetAsync($"/v1/tasks/{id}/output/stream?offset=0", ("Last-Event-ID", cursor.ToString()));
        using var reader = new StreamReader(await again.Content.ReadAsStreamAsync());
        var message = new List<string?>();
        while (message.Count < 3) message.Add(await reader.ReadLineAsync());
        Assert.Equal("""event: output|id: 14|data: {"offset":7,"text":"missed "}""", string.Join('|', message));
        host.Tasks.Print(task.Id, "live"u8);
        host.Tasks.End(task.Id);
        Assert.Contains("""data: {"offset":14,"text":"live"}""", await reader.ReadToEndAsync().Soon());
        Assert.Equal("before missed live", await TextAsync(host.Client.StreamOutputAsync(id)));
        Assert.Equal("e", await TextAsync(host.Client.StreamOutputAsync(id, offset: 17)));
        Assert.Equal("", await TextAsync(host.Client.StreamOutputAsync(id, offset: 18)));
    }

    [Fact]
    public async Task A_character_is_never_cut()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        var printed = Encoding.UTF8.GetBytes("aé€𐍈" + string.Concat(Enumerable.Repeat("€", 20_000)));
        host.Tasks.Print(task.Id, printed.AsSpan(0, 2));
        await using var frames = host.Client.StreamOutputAsync(task.Id.ToString()).GetAsyncEnumerator();
        Assert.True(await frames.MoveNextAsync().AsTask().Soon());
        Assert.Equal("a", Encoding.UTF8.GetString(((OutputFrame.Chunk)frames.Current).Bytes.Span));
        host.Tasks.Print(task.Id, printed.AsSpan(2));
        host.Tasks.End(task.Id);
        var (all, offset) = (new MemoryStream([.. "a"u8, .. new byte[printed.Length]]), 1L);
        all.Position = 1;
        while (await frames.MoveNextAsync().AsTask().Soon() && frames.Current is OutputFrame.Chunk chunk)
        {
            Assert.Equal(offset, chunk.Offset);
            Assert.DoesNotContain('\uFFFD', Encoding.UTF8.GetString(chunk.Bytes.Span));
            all.Write(chunk.Bytes.Span);
            offset = chunk.Next;
        }
        Assert.Equal((long)printed.Length, offset);
        Assert.Equal(printed, all.ToArray()[..printed.Length]);
    }

    [Fact]
    public async Task Half_a_character_at_the_end_and_bytes_that_are_no_text_come_as_base64()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, [(byte)'a', 0xE2, 0x82]);
        host.Tasks.End(task.Id);
        var answer = await host.Http.GetStringAsync($"/v1/tasks/{task.Id}/output/stream");
        Assert.Contains("""data: {"offset":0,"text":"a"}""", answer);
        Assert.Contains("""data: {"offset":1,"base64":"4oI="}""", answer);
    }

    [Fact]
    [Trait("Requirement", "D2")]
    public async Task A_silent_stream_sends_a_comment_every_15_seconds()
    {
        var time = new ManualTime();
        await using var host = await ApiHost.StartAsync(time);
        var task = host.Tasks.Add();
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output/stream");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (var beat = 0; beat < 2; beat++)
        {
            var line = reader.ReadLineAsync();
            // The follower looks each 10 to 50 ms; time stands still in between.
            for (var passed = TimeSpan.Zero; passed < TimeSpan.FromSeconds(14.9); passed += TimeSpan.FromMilliseconds(100)) time.Advance(TimeSpan.FromMilliseconds(100));
            Assert.False(line.IsCompleted);
            await Eventually.TrueAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(50));
                return line.IsCompleted;
            }, "a heartbeat");
            Assert.StartsWith(":", await line);
            Assert.Equal("", await reader.ReadLineAsync().Soon());
        }
    }

    [Fact]
    [Trait("Requirement", "D4")]
    public async Task A_reader_that_does_not_read_is_let_go_with_a_reason_and_can_resume()
    {
        var time = new ManualTime();
        await using var host = await ApiHost.StartAsync(time);
        var task = host.Tasks.Add();
        var printed = RandomNumberGenerator.GetBytes(8 << 20);
        host.Tasks.Print(task.Id, printed);
        host.Tasks.End(task.Id);
        using var socket = await host.ConnectAsync();
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/tasks/{task.Id}/output?follow=true HTTP/1.1\r\nHost: outlast\r\n\r\n"));
        await time.WhenArmedAsync(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromSeconds(29));
        Assert.DoesNotContain(host.Log.Lines, l => l.Contains("did not read", StringComparison.Ordinal));
        time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => host.Log.Lines.Any(l => l.Contains("did not read for 30 s", StringComparison.Ordinal)), "the reason in the log");
        var got = 0L;
        try
        {
            for (var buffer = new byte[1 << 16]; await socket.ReceiveAsync(buffer) is > 0 and var count;) got += count;
        }
        catch (SocketException)
        {
            // Reset instead of closed: let go all the same.
        }
        Assert.InRange(got, 1, 4 << 20);
        var rest = new MemoryStream();
        await host.Client.FollowOutputAsync(task.Id.ToString(), 1000, rest.WriteAsync);
        Assert.Equal(SHA256.HashData(printed.AsSpan(1000)), SHA256.HashData(rest.ToArray()));
    }

    [Fact]
    public async Task The_raw_stream_is_every_byte_once_from_before_the_start_to_the_end()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add(state: TaskState.Queued);
        var (got, first) = (new MemoryStream(), new TaskCompletionSource());
        var following = host.Client.FollowOutputAsync(task.Id.ToString(), 0, (bytes, _) =>
        {
            got.Write(bytes.Span);
            first.TrySetResult();
            return ValueTask.CompletedTask;
        });
        var printed = RandomNumberGenerator.GetBytes(3 << 20);
        host.Tasks.Print(task.Id, printed.AsSpan(0, 5));
        await first.Task.Soon();
        for (var at = 5; at < printed.Length; at += 1 << 20) host.Tasks.Print(task.Id, printed.AsSpan(at, Math.Min(1 << 20, printed.Length - at)));
        host.Tasks.End(task.Id);
        Assert.Equal(printed.Length, await following.Soon());
        Assert.Equal(printed, got.ToArray());
    }

    [Theory]
    [Trait("Requirement", "D5")]
    [Trait("Requirement", "U-60")]
    [InlineData(0)]
    [InlineData(5)]
    public async Task Who_follows_into_what_was_removed_is_told_and_goes_on_after_it(int from)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "012\u00e9"u8[..4]);
        host.Tasks.Print(task.Id, "\0\0\0\089"u8);
        await File.WriteAllTextAsync(host.Tasks.LogOf(task.Id) + ".dropped", "4 8 end\n");
        host.Tasks.End(task.Id);
        var ended = (await host.Tasks.GetAsync(task.Id)).Record;
        host.Tasks.Set(new(ended with { Output = ended.Output with { DroppedBytes = 4 } }));

        var (got, gaps) = (new StringBuilder(), new List<OutputFrame.Gap>());
        var end = await host.Client.FollowOutputAsync(task.Id.ToString(), from, (bytes, _) =>
        {
            got.Append(Encoding.Latin1.GetString(bytes.Span));
            return ValueTask.CompletedTask;
        }, passOver: gaps.Add).Soon();
        Assert.Equal((10L, from == 0 ? "012\u00c389" : "89"), (end, got.ToString()));
        Assert.Equal([new OutputFrame.Gap(Math.Max(from, 4), 8, "dropped")], gaps);

        var frames = await host.Client.StreamOutputAsync(task.Id.ToString(), from).ToListAsync();
        Assert.Equal([new OutputFrame.Gap(Math.Max(from, 4), 8, "dropped")], frames.OfType<OutputFrame.Gap>());
        Assert.Equal(from == 0 ? [(0L, "012"), (3L, "\u00c3"), (8L, "89")] : [(8L, "89")], frames.OfType<OutputFrame.Chunk>().Select(c => (c.Offset, Encoding.Latin1.GetString(c.Bytes.Span))));
        Assert.IsType<OutputFrame.End>(frames[^1]);
    }

    [Fact]
    public async Task A_further_attempt_counts_from_0_and_the_messages_say_so()
    {
        var time = new ManualTime();
        await using var host = await ApiHost.StartAsync(time);
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "first"u8);
        await using var messages = host.Client.StreamOutputAsync(task.Id.ToString()).GetAsyncEnumerator();
        var frames = new List<OutputFrame>();
        Assert.True(await messages.MoveNextAsync().AsTask().Soon());
        frames.Add(messages.Current);
        var raw = new StringBuilder();
        var following = host.Client.FollowOutputAsync(task.Id.ToString(), 0, (bytes, _) =>
        {
            lock (raw) raw.Append(Encoding.ASCII.GetString(bytes.Span));
            return ValueTask.CompletedTask;
        });
        await Eventually.TrueAsync(() => { lock (raw) return raw.Length == 5; }, "the first attempt's output");
        host.Tasks.NextAttempt(task.Id);
        host.Tasks.Print(task.Id, "second"u8);
        host.Tasks.End(task.Id);
        Assert.Equal(6, await following.Soon());
        Assert.Equal("firstsecond", raw.ToString());
        while (await messages.MoveNextAsync().AsTask().Soon()) frames.Add(messages.Current);
        Assert.Equal([("first", 0L), ("second", 0L)], frames.OfType<OutputFrame.Chunk>().Select(c => (Encoding.ASCII.GetString(c.Bytes.Span), c.Offset)));
        Assert.Equal([new OutputFrame.Gap(5, 0, "attempt")], frames.OfType<OutputFrame.Gap>());
    }

    [Fact]
    public async Task Who_follows_is_shown_every_attempt_in_turn_however_fast_they_come()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        var id = task.Id.ToString();
        host.Tasks.Print(task.Id, "one"u8);
        await using var messages = host.Client.StreamOutputAsync(id).GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().Soon());
        host.Tasks.NextAttempt(task.Id);
        host.Tasks.Print(task.Id, "two"u8);
        host.Tasks.NextAttempt(task.Id);
        host.Tasks.NextAttempt(task.Id);
        host.Tasks.Print(task.Id, "four"u8);
        host.Tasks.End(task.Id);

        var (raw, begun) = (new StringBuilder(), new List<int>());
        var end = await host.Client.FollowOutputAsync(new OutputSource(id, Attempt: 1), 1, (bytes, _) =>
        {
            raw.Append(Encoding.ASCII.GetString(bytes.Span));
            return ValueTask.CompletedTask;
        }, beginAttempt: begun.Add).Soon();
        Assert.Equal((4L, "netwofour"), (end, raw.ToString()));
        Assert.Equal([2, 3, 4], begun);

        List<OutputFrame> frames = [messages.Current];
        while (await messages.MoveNextAsync().AsTask().Soon()) frames.Add(messages.Current);
        Assert.Equal(["one", "two", "four"], frames.OfType<OutputFrame.Chunk>().Select(c => Encoding.ASCII.GetString(c.Bytes.Span)));
        Assert.Equal([new OutputFrame.Gap(3, 0, "attempt"), new OutputFrame.Gap(3, 0, "attempt")], frames.OfType<OutputFrame.Gap>());

        // A cursor says whose offset it is.
        var again = await (await host.GetAsync($"/v1/tasks/{id}/output/stream", ("Last-Event-ID", "2:1"))).Content.ReadAsStringAsync();
        Assert.Contains("id: 2:3\ndata: {\"offset\":1,\"text\":\"wo\"}", again, StringComparison.Ordinal);
        Assert.Contains("id: 3:0\ndata: {\"from\":3,\"to\":0,\"why\":\"attempt\",\"attempt\":3}", again, StringComparison.Ordinal);
        Assert.Contains("id: 4:4\ndata: {\"offset\":0,\"text\":\"four\"}", again, StringComparison.Ordinal);
        await (await host.GetAsync($"/v1/tasks/{id}/output/stream", ("Last-Event-ID", "x:1"))).ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
    }

    [Fact]
    public async Task A_log_that_was_cut_by_its_command_is_marked_with_the_amount_and_offsets_never_go_back()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "0123456789"u8);
        await using var frames = host.Client.StreamOutputAsync(task.Id.ToString()).GetAsyncEnumerator();
        Assert.True(await frames.MoveNextAsync().AsTask().Soon());
        File.WriteAllText(host.Tasks.LogOf(task.Id), "x");
        Assert.True(await frames.MoveNextAsync().AsTask().Soon());
        Assert.Equal(new OutputFrame.Gap(1, 10, "lost"), frames.Current);
        host.Tasks.Print(task.Id, "yyyyyyyyyEND"u8);
        Assert.True(await frames.MoveNextAsync().AsTask().Soon());
        Assert.Equal((10L, "END"), (((OutputFrame.Chunk)frames.Current).Offset, Encoding.ASCII.GetString(((OutputFrame.Chunk)frames.Current).Bytes.Span)));
    }

    [Fact]
    [Trait("Requirement", "C11")]
    public async Task A_reader_that_goes_away_stops_nothing()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "a"u8);
        foreach (var route in (string[])[$"/v1/tasks/{task.Id}/output/stream", $"/v1/tasks/{task.Id}/output?follow=true", "/v1/events", $"/v1/tasks/{task.Id}?wait=1h"])
        {
            using var socket = await host.ConnectAsync();
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {route} HTTP/1.1\r\nHost: outlast\r\nAccept: text/event-stream\r\n\r\n"));
            if (!route.Contains("wait", StringComparison.Ordinal)) Assert.NotEqual(0, await socket.ReceiveAsync(new byte[100]));
        }
        Assert.Empty(host.Tasks.Stops);
        Assert.Equal("running", (await host.Client.GetAsync(task.Id.ToString())).State);
        Assert.DoesNotContain(host.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    private static async Task<List<OutputFrame>> ReadAllAsync(IAsyncEnumerable<OutputFrame> frames)
    {
        var all = new List<OutputFrame>();
        await foreach (var frame in frames) all.Add(frame);
        return all;
    }

    private static async Task<string> TextAsync(IAsyncEnumerable<OutputFrame> frames) =>
        string.Concat((await ReadAllAsync(frames).Soon()).OfType<OutputFrame.Chunk>().Select(c => Encoding.UTF8.GetString(c.Bytes.Span)));
}
