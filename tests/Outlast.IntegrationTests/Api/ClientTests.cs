using System.Net.Sockets;
using System.Text;
using Outlast.AspNetCore;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class ClientTests
{
    private static readonly OutlastClientOptions Patient = new() { RetryFor = TimeSpan.FromSeconds(30), RetryPause = TimeSpan.FromMilliseconds(10) };

    [Fact]
    public async Task A_client_that_does_not_retry_says_at_once_that_nobody_is_there()
    {
        using var folder = new ScratchFolder();
        using var client = new OutlastHttpClient(HostAddress.OfSocket(folder.File("host.sock")));
        var gone = await Assert.ThrowsAsync<HostUnreachableException>(() => client.HostAsync().Soon());
        Assert.False(gone.MaybeDone);
        Assert.Contains("host.sock", gone.Message);
    }

    [Fact]
    public async Task A_client_gives_up_when_its_time_is_over()
    {
        using var folder = new ScratchFolder();
        var time = new ManualTime();
        using var client = new OutlastHttpClient(HostAddress.OfSocket(folder.File("host.sock")), new() { RetryFor = TimeSpan.FromSeconds(10), RetryPause = TimeSpan.FromSeconds(4), Time = time });
        var asking = client.HostAsync();
        for (var tries = 0; tries < 3; tries++)
        {
            await time.WhenArmedAsync(TimeSpan.FromSeconds(4));
            Assert.False(asking.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(4));
        }
        await Assert.ThrowsAsync<HostUnreachableException>(() => asking.Soon());
    }

    [Fact]
    public async Task A_host_that_is_away_is_started_by_the_callers_hook_wherever_it_then_is()
    {
        using var folder = new ScratchFolder();
        ApiHost? host = null;
        var asked = 0;
        var options = new OutlastClientOptions
        {
            RetryFor = Patient.RetryFor,
            RetryPause = Patient.RetryPause,
            HostAway = async _ =>
            {
                asked++;
                host ??= await ApiHost.StartAsync(options: o => new() { SocketPath = folder.File("elsewhere.sock") });
                return HostAddress.OfSocket(folder.File("elsewhere.sock"));
            },
        };
        using var client = new OutlastHttpClient(HostAddress.OfSocket(folder.File("host.sock")), options);
        Assert.Equal("h3", (await client.HostAsync().Soon()).HostId);
        Assert.Equal(1, asked);
        await host!.DisposeAsync();
    }

    [Fact]
    [Trait("Requirement", "D1")]
    public async Task Streams_go_on_from_where_they_were_when_the_host_comes_back()
    {
        using var scratch = new ScratchFolder();
        var (messages, raw) = (new StringBuilder(), new StringBuilder());
        using var client = new OutlastHttpClient(HostAddress.OfSocket(scratch.File("host.sock")), Patient);
        var first = await ApiHost.StartAsync(scratch: scratch);
        var task = first.Tasks.Add();
        first.Tasks.Print(task.Id, "before "u8);
        var streaming = Task.Run(async () =>
        {
            await foreach (var frame in client.StreamOutputAsync(task.Id.ToString()))
            {
                if (frame is OutputFrame.Chunk chunk)
                    lock (messages) messages.Append(Encoding.ASCII.GetString(chunk.Bytes.Span));
                if (frame is OutputFrame.End) return;
            }
        });
        var following = client.FollowOutputAsync(task.Id.ToString(), 0, (bytes, _) =>
        {
            lock (raw) raw.Append(Encoding.ASCII.GetString(bytes.Span));
            return ValueTask.CompletedTask;
        });
        await Eventually.TrueAsync(() => { lock (messages) lock (raw) return (messages.Length, raw.Length) is (7, 7); }, "what was printed before");
        await first.DisposeAsync();
        await using var second = await ApiHost.StartAsync(scratch: scratch);
        second.Tasks.Set(new(task));
        second.Tasks.Print(task.Id, "after"u8);
        second.Tasks.End(task.Id);
        await streaming.Soon();
        Assert.Equal(12, await following.Soon());
        Assert.Equal(("before after", "before after"), (messages.ToString(), raw.ToString()));
    }

    [Fact]
    public async Task Events_go_on_from_where_they_were_when_the_host_comes_back()
    {
        using var scratch = new ScratchFolder();
        using var client = new OutlastHttpClient(HostAddress.OfSocket(scratch.File("host.sock")), Patient);
        var first = await ApiHost.StartAsync(scratch: scratch);
        for (var i = 0; i < 3; i++) first.Tasks.Happen(TaskEventType.HostStarted);
        await using var frames = client.StreamEventsAsync(after: 1).GetAsyncEnumerator();
        for (var seq = 2; seq <= 3; seq++)
        {
            Assert.True(await frames.MoveNextAsync().AsTask().Soon());
            Assert.Equal(seq, frames.Current.Event!.Seq);
        }
        var next = frames.MoveNextAsync().AsTask();
        await first.DisposeAsync();
        await using var second = await ApiHost.StartAsync(scratch: scratch);
        for (var i = 0; i < 4; i++) second.Tasks.Happen(TaskEventType.HostStarted);
        Assert.True(await next.Soon());
        Assert.Equal(4, frames.Current.Event!.Seq);
    }

    [Fact]
    [Trait("Requirement", "V-07")]
    public async Task A_stream_on_which_nothing_happens_survives_any_number_of_hosts()
    {
        using var scratch = new ScratchFolder();
        var time = new ManualTime();
        using var hosts = OutlastServer.Listen(new UnixDomainSocketEndPoint(scratch.File("host.sock")));
        using var client = new OutlastHttpClient(HostAddress.OfSocket(scratch.File("host.sock")), new() { RetryFor = TimeSpan.FromSeconds(10), RetryPause = TimeSpan.FromSeconds(4), Time = time, Steady = TimeSpan.Zero });
        using var over = new CancellationTokenSource();
        await using var frames = client.StreamEventsAsync(cancel: over.Token).GetAsyncEnumerator();
        var next = frames.MoveNextAsync().AsTask();
        for (var n = 0; n < 5; n++)
        {
            using (var connection = await hosts.AcceptAsync())
            {
                await ReadAsync(connection);
                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
            }
            await time.WhenArmedAsync(TimeSpan.FromSeconds(4));
            Assert.False(next.IsCompleted, next.Exception?.ToString());
            time.Advance(TimeSpan.FromSeconds(4));
        }
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.Soon());
    }

    [Fact]
    [Trait("Requirement", "V-07")]
    public async Task What_may_be_done_once_only_is_repeated_where_the_host_had_not_begun_with_it()
    {
        using var scratch = new ScratchFolder();
        using var going = OutlastServer.Listen(new UnixDomainSocketEndPoint(scratch.File("host.sock")));
        using var client = new OutlastHttpClient(HostAddress.OfSocket(scratch.File("host.sock")), Patient);
        var id = StoredTasks.Queued().Id.ToString();
        var extended = client.ExtendAsync(id, new() { Timeout = "+30m" });
        // A host that goes with a request that it has not looked at.
        using (var connection = await going.AcceptAsync()) Assert.Contains("Expect: 100-continue", await ReadAsync(connection), StringComparison.Ordinal);

        using (var connection = await going.AcceptAsync())
        {
            await ReadAsync(connection);
            await connection.SendAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
            Assert.Contains("+30m", await ReadAsync(connection), StringComparison.Ordinal);
        }
        Assert.True((await Assert.ThrowsAsync<HostUnreachableException>(() => extended.Soon())).MaybeDone);
    }

    private static async Task<string> ReadAsync(Socket connection)
    {
        var bytes = new byte[4096];
        return Encoding.ASCII.GetString(bytes, 0, await connection.ReceiveAsync(bytes));
    }

    [Fact]
    public async Task A_host_that_is_going_is_as_good_as_away()
    {
        await using var host = await ApiHost.StartAsync();
        host.Tasks.Fault = new DrainingException();
        var options = new OutlastClientOptions
        {
            RetryFor = Patient.RetryFor,
            RetryPause = Patient.RetryPause,
            HostAway = _ =>
            {
                host.Tasks.Fault = null;
                return Task.FromResult<HostAddress?>(null);
            },
        };
        using var client = new OutlastHttpClient(HostAddress.OfSocket(host.Options.SocketPath), options);
        await client.SubmitAsync(new() { Process = new() { Argv = ["a"] } }).Soon();
        Assert.Single(host.Tasks.Submissions);
        host.Tasks.Fault = new DrainingException();
        Assert.Equal(ProblemTypes.Draining, (await Assert.ThrowsAsync<OutlastProblemException>(() => host.Client.ListAsync())).Type);
    }

    [Fact]
    public async Task A_client_that_retries_submits_under_a_key_so_that_one_task_comes_of_it()
    {
        await using var host = await ApiHost.StartAsync();
        using var client = new OutlastHttpClient(HostAddress.OfSocket(host.Options.SocketPath), Patient);
        await client.SubmitAsync(new() { Process = new() { Argv = ["a"] } });
        await host.Client.SubmitAsync(new() { Process = new() { Argv = ["a"] } });
        await client.SubmitAsync(new() { Process = new() { Argv = ["a"] } }, "mine");
        Assert.Equal([32, null, 4], host.Tasks.Submissions.Select(s => s.IdempotencyKey?.Length));
    }

    [Fact]
    public void The_hosts_file_is_found_read_and_forgiven_when_it_is_not_whole()
    {
        using var folder = new ScratchFolder();
        Assert.Null(HostAddress.Find(folder.Path));
        Assert.Null(HostAddress.Find(folder.File("nowhere")));
        File.WriteAllText(folder.File("host.json"), "{\"pid\": 1");
        Assert.Null(HostAddress.Find(folder.Path));
        File.WriteAllText(folder.File("host.json"), """
            {"pid":1,"bootId":"b","epoch":3,"startedAt":"2026-11-20T10:02:03.045Z","version":"0.1.0","socket":"/run/x.sock","dataFolder":"/data","later":true}
            """);
        Assert.Equal("/run/x.sock", HostAddress.Find(folder.Path)!.Socket);
        Assert.Equal((1, "b", 3L, null), (HostAddress.ReadHostFile(folder.Path)!.Pid, HostAddress.ReadHostFile(folder.Path)!.BootId, HostAddress.ReadHostFile(folder.Path)!.Epoch, HostAddress.ReadHostFile(folder.Path)!.Url));
    }
}
