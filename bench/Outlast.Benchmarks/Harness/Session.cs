using System.Diagnostics;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Harness;

/// <summary>One run of the program: its scratch folder, and what several scenarios share.</summary>
internal sealed class Session(IReadOnlyDictionary<string, int> sizes, Report report) : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(30);
    private readonly Scratch _scratch = Scratch.Create(Environment.GetEnvironmentVariable);
    private readonly Dictionary<int, DataFolder> _histories = [];

    /// <returns>Whether it went well; otherwise standard error says why not.</returns>
    public async Task<bool> RunAsync(Scenario scenario, CancellationToken interrupted)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        bound.CancelAfter(Bound);
        var start = Stopwatch.GetTimestamp();
        try
        {
            await scenario.RunAsync(new(this, scenario, bound.Token));
            Console.Error.WriteLine($"# {scenario.Name}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
            return true;
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"# {scenario.Name} failed: {e}");
            return false;
        }
        finally
        {
            await _scratch.EndTasksAsync();
        }
    }

    public int SizeOf(Size size) => sizes.GetValueOrDefault(size.Name, size.Default);

    public void Write(Scenario scenario, string peer, string variant, IEnumerable<Figure> figures) => report.Write(scenario, peer, variant, figures);

    public DataFolder NewDataFolder(string name) => _scratch.NewDataFolder(name);

    /// <summary>A data folder in which so many tasks have ended; filled once and used by several scenarios, one after another.</summary>
    public async Task<DataFolder> HistoryAsync(int tasks, CancellationToken cancel)
    {
        if (_histories.TryGetValue(tasks, out var folder)) return folder;
        folder = NewDataFolder("history");
        await History.WriteAsync(folder, tasks, cancel);
        return _histories[tasks] = folder;
    }

    public ValueTask DisposeAsync() => _scratch.DisposeAsync();
}
