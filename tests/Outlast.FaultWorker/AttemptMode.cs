using System.Collections.Immutable;
using System.Diagnostics;
using Outlast.Runners;
using Outlast.Runners.Processes;

namespace Outlast.FaultWorker;

/// <summary>A process runner without a host around it: runs one attempt, stops it if asked to, and dies at a named instant.</summary>
internal static class AttemptMode
{
    /// <summary>
    /// <c>attempt ID MILESTONE WISH -- ARGUMENT...</c>, with <c>OUTLAST_DATA</c>. With <c>stop</c> the task is asked to stop as soon as it has printed something; with <c>open</c> its standard input is;
    /// with <c>leftovers-stop</c> and <c>leftovers-wait</c> it has that policy; with <c>keep</c> nothing more.
    /// </summary>
    public static async Task<int> RunAsync(string id, string milestone, string wish, string[] argv)
    {
        var (name, time) = CrashPoint.Parse(milestone);
        using var listening = DiagnosticListener.AllListeners.Subscribe(new CrashPointListener(new CrashPoint(name, time, null, null)));
        using var runner = new ProcessRunner(new ProcessRunnerOptions(), TimeProvider.System);
        StopRequest? stop = null;
        var task = TaskId.Parse(id);
        var folder = DataFolder.Of(Environment.GetEnvironmentVariable).Attempt(task, 1);
        var context = new AttemptContext
        {
            Task = task,
            Attempt = 1,
            Folder = folder,
            Spec = new TaskSpec
            {
                Name = "attempt",
                StopGrace = TimeSpan.FromSeconds(1),
                Process = new ProcessSpec
                {
                    Argv = [.. argv],
                    Cwd = "/",
                    Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/bin:/bin"),
                    Leftovers = wish switch { "leftovers-stop" => LeftoverPolicy.Stop, "leftovers-wait" => LeftoverPolicy.Wait, _ => LeftoverPolicy.Keep },
                    Stdin = wish == "open" ? StdinSource.Open : StdinSource.None,
                },
            },
            Launched = facts =>
            {
                Console.Out.WriteLine($"{facts.Pid} {facts.StartTicks}");
                return Task.CompletedTask;
            },
            Annotated = _ => Task.CompletedTask,
            StopAsked = () => stop,
        };
        var run = runner.RunAsync(context, default);
        if (wish == "stop")
        {
            var output = new FileInfo(Path.Combine(folder, "output.log"));
            while (!output.Exists || output.Length == 0)
            {
                await Task.Delay(2);
                output.Refresh();
            }
            stop = new StopRequest { Cause = EndCause.User, Actor = new Actor(ActorType.User, "test"), RequestedAt = DateTimeOffset.UtcNow };
            await runner.StopAsync(context, stop, default, default);
        }
        var outcome = await run;
        if (context is { Process: { } ended, LaunchedAt: not null }) Console.Out.WriteLine($"{ended.Pid} {ended.StartTicks}");
        return outcome.Exit?.Code ?? 255;
    }
}
