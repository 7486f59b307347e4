using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Outlast.Hosting;
using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.Supervision;

namespace Outlast.Benchmarks.Hosts;

/// <summary>A host inside this program: the runtime, the SQLite store at full durability, the process runner.</summary>
internal sealed class EmbeddedHost : IAsyncDisposable
{
    private readonly IHost _host;

    private EmbeddedHost(IHost host) => _host = host;

    public ITaskClient Client => _host.Services.GetRequiredService<ITaskClient>();

    public SqliteTaskStore Store => (SqliteTaskStore)_host.Services.GetRequiredService<ITaskStore>();

    /// <summary>Starts one that runs so many processes and so many handlers at once.</summary>
    public static async Task<EmbeddedHost> StartAsync(DataFolder folder, CancellationToken cancel, int processes = 8, int handlers = 64, Handlers? with = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        var settings = OutlastSettings.Load($$"""{ "concurrency": { "processes": {{processes}}, "handlers": {{handlers}} }, "tree": { "children": 100000 } }""", _ => null);
        var outlast = builder.Services.AddOutlast(folder, settings).UseSqlite().AddProcesses();
        with?.AddTo(outlast);
        var host = builder.Build();
        await host.StartAsync(cancel);
        return new(host);
    }

    /// <summary>One that claims nothing: what is submitted stays queued.</summary>
    public static async Task<EmbeddedHost> StartClosedAsync(DataFolder folder, CancellationToken cancel)
    {
        var host = await StartAsync(folder, cancel);
        host._host.Services.GetRequiredService<Dispatcher>().Close();
        return host;
    }

    /// <summary>Counts ends from now on, as they are told: when they are on disk.</summary>
    public EndCount CountEnds(int count) => new(_host.Services.GetRequiredService<TaskFeed>(), count);

    public async Task<TaskId> SubmitAsync(TaskSubmission submission, CancellationToken cancel) => (await Client.SubmitAsync(submission, cancel)).Record.Id;

    /// <summary>Waits for a task's end.</summary>
    public async Task<TaskRecord> EndAsync(TaskId id, CancellationToken cancel)
    {
        while (true)
        {
            var record = (await Client.WaitAsync(id, TimeSpan.FromMinutes(1), cancel)).Record;
            if (record.State.IsTerminal()) return record;
        }
    }

    /// <summary>Waits for a task's end, which must be a good one: a figure of what failed would be no figure.</summary>
    public async Task<TaskRecord> CompleteAsync(TaskId id, CancellationToken cancel) =>
        await EndAsync(id, cancel) is { State: TaskState.Completed } record ? record : throw new InvalidOperationException($"Task {id} did not complete: {(await EndAsync(id, cancel)).End}");

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    /// <summary>So many ends that are awaited; each must be a good one.</summary>
    internal sealed class EndCount : IDisposable
    {
        private readonly TaskFeed _feed;
        private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _left;

        public EndCount(TaskFeed feed, int count)
        {
            (_feed, _left) = (feed, count);
            _feed.Ended += Count;
        }

        public Task All => _all.Task;

        public void Dispose() => _feed.Ended -= Count;

        private void Count(TaskRecord record)
        {
            if (record.State != TaskState.Completed) _all.TrySetException(new InvalidOperationException($"Task {record.Id} did not complete: {record.End}"));
            else if (Interlocked.Decrement(ref _left) == 0) _all.TrySetResult();
        }
    }
}
