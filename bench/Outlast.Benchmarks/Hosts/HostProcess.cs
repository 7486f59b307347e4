using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Outlast.Benchmarks.Harness;
using Outlast.Client;

namespace Outlast.Benchmarks.Hosts;

/// <summary>A host in a process of its own: <c>outlast serve</c>, as people run it.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private static readonly TimeSpan FarewellBound = TimeSpan.FromSeconds(20);
    private readonly Process _process;
    private readonly DataFolder _folder;

    private HostProcess(Process process, DataFolder folder, long startedAt) => (_process, _folder, StartedAt) = (process, folder, startedAt);

    public int Pid => _process.Id;

    /// <summary>When it was asked to start, as <see cref="Stopwatch"/> counts.</summary>
    public long StartedAt { get; }

    public OutlastHttpClient Client { get; private set; } = null!;

    /// <summary>Starts it and returns when it would accept work.</summary>
    public static async Task<HostProcess> StartAsync(DataFolder folder, CancellationToken cancel, int? processes = null)
    {
        var start = Outlast(folder, "serve");
        if (processes is { } limit) start.Environment["OUTLAST_CONCURRENCY_PROCESSES"] = limit.ToString(CultureInfo.InvariantCulture);
        var startedAt = Stopwatch.GetTimestamp();
        var host = new HostProcess(Process.Start(start)!, folder, startedAt);
        try
        {
            await host.AwaitReadyAsync(cancel);
            return host;
        }
        catch
        {
            await host.KillAsync();
            throw;
        }
    }

    /// <summary>The program, as the installed command starts it: its standard output and error go into <c>host.log</c> of the folder's parent.</summary>
    public static ProcessStartInfo Outlast(DataFolder folder, params string[] arguments)
    {
        var start = Dotnet([Path.Combine(AppContext.BaseDirectory, "Outlast.Cli.dll"), .. arguments], folder.Path + ".log");
        start.Environment["OUTLAST_DATA"] = folder.Path;
        return start;
    }

    /// <summary>A .NET program with nothing of ours in its environment.</summary>
    public static ProcessStartInfo Dotnet(string[] arguments, string log)
    {
        var runtime = RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/');
        var dotnet = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", "dotnet"));
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec >>\"$0\" 2>&1 </dev/null; exec \"$@\"", log, dotnet, "exec", .. arguments]);
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("OUTLAST_", StringComparison.Ordinal) || k.StartsWith("BENCH_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        return start;
    }

    /// <summary>Submits so many and returns when each has its process.</summary>
    public async Task<IReadOnlyList<string>> RunAsync(int count, SubmitRequest request, CancellationToken cancel)
    {
        var ids = new string[count];
        await Callers.ShareAsync(count, 8, async i => ids[i] = (await Client.SubmitAsync(request, cancel: cancel)).Id);
        await Poll.UntilAsync(async () => (await RunningAsync(cancel)).Count(t => t.Process is not null) >= count, $"{count} tasks run", 20, cancel);
        return ids;
    }

    /// <summary>Everything that runs.</summary>
    public async Task<IReadOnlyList<TaskView>> RunningAsync(CancellationToken cancel)
    {
        var running = new List<TaskView>();
        string? cursor = null;
        do
        {
            var page = await Client.ListAsync(new() { States = [TaskStateNames.Running], Limit = 1000, Cursor = cursor }, cancel);
            running.AddRange(page.Tasks);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return running;
    }

    /// <summary>Stops those tasks without grace and returns when each has ended.</summary>
    public Task StopAsync(IReadOnlyList<string> ids, CancellationToken cancel) => Callers.ShareAsync(ids.Count, 8, async i =>
    {
        await Client.StopAsync(ids[i], new(Now: true), cancel);
        await Client.WaitAsync(ids[i], cancel);
    });

    /// <summary><c>kill -9</c>.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Asks it to go; kills it if it does not.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            try
            {
                await Client.ShutdownAsync();
                await _process.WaitForExitAsync().WaitAsync(FarewellBound);
            }
            catch (Exception e) when (e is OutlastProblemException or HostUnreachableException or TimeoutException)
            {
                await KillAsync();
            }
        }
        Client?.Dispose();
        _process.Dispose();
    }

    private async Task AwaitReadyAsync(CancellationToken cancel)
    {
        await Poll.UntilAsync(() => _process.HasExited || HostAddress.ReadHostFile(_folder.Path)?.Pid == Pid, "the host announces itself", 1, cancel);
        if (_process.HasExited) throw new InvalidOperationException($"The host ended with {_process.ExitCode}: {File.ReadAllText(_folder.Path + ".log")}");
        Client = new(HostAddress.Find(_folder.Path)!);
        await Poll.UntilAsync(async () => (await Client.ReadyAsync(cancel)).Ready, "the host is ready", 1, cancel);
    }
}
