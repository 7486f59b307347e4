using System.Runtime.InteropServices;
using Outlast.AspNetCore;
using Outlast.Cli.Rendering;
using Outlast.Runners.Processes;

namespace Outlast.Cli.Serving;

/// <summary>Finds out whether a program can follow this host, by its own word, and remembers it.</summary>
internal sealed class HostRestart(DataFolder folder, HostStarter starter, IReadOnlyList<string> serve, IReadOnlyList<DateTimeOffset> askedByTasks, TimeProvider time) : IHostRestart
{
    public const string CheckOption = "--check";
    private const int MostByTasks = 3, MostWords = 4096;
    private static readonly TimeSpan LoopWindow = TimeSpan.FromMinutes(10), CheckBound = TimeSpan.FromSeconds(30), Pause = TimeSpan.FromMilliseconds(10);
    private readonly SemaphoreSlim _one = new(1);
    private volatile IReadOnlyList<string>? _next;

    /// <summary>The program that follows; none: the host goes for good.</summary>
    public IReadOnlyList<string>? Next => _next;

    /// <summary>When tasks asked for a restart lately.</summary>
    public IReadOnlyList<DateTimeOffset> AskedByTasks { get; private set; } = askedByTasks;

    public async Task<string> PrepareAsync(IReadOnlyList<string>? program, TaskId? asker, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            if (_next is not null) throw new DrainingException();
            IReadOnlyList<DateTimeOffset> lately = [.. AskedByTasks.Where(at => time.GetUtcNow() - at < LoopWindow)];
            if (asker is not null && lately.Count >= MostByTasks)
                throw new RestartRefusedException($"Tasks have asked for {lately.Count} restarts within {Words.Length(LoopWindow)}: that looks like a loop. A person may restart the host at any time", isLoop: true);
            program ??= [.. HostStarter.ProgramArguments()];
            var version = await CheckAsync(program, cancel);
            AskedByTasks = asker is null ? lately : [.. lately, time.GetUtcNow()];
            _next = program;
            return version;
        }
        finally
        {
            _one.Release();
        }
    }

    public void CallOff() => _next = null;

    private async Task<string> CheckAsync(IReadOnlyList<string> program, CancellationToken cancel)
    {
        var said = Path.Combine(folder.Logs, "check.log");
        var child = Start(program, said);
        var start = time.GetTimestamp();
        int? code = null;
        try
        {
            while ((code = LibC.ExitCodeOf(child)) is null)
            {
                if (time.GetElapsedTime(start) > CheckBound) throw Refuse(program, $"it has not said within {Words.Length(CheckBound)} whether it can serve");
                await Task.Delay(Pause, time, cancel);
            }
        }
        finally
        {
            if (code is null) Bury(child);
        }
        var words = Read(said);
        if (code == 0 && words.StartsWith(StartCheck.Fine, StringComparison.Ordinal)) return words[StartCheck.Fine.Length..].Split('\n')[0];
        throw Refuse(program, words.Length > 0 ? words.Replace("outlast: ", "", StringComparison.Ordinal) : Words.Invariant($"it ended with code {code} and said nothing"));
    }

    private int Start(IReadOnlyList<string> program, string said)
    {
        var log = LibC.Create(said, LibC.O_RDWR | LibC.O_APPEND);
        if (log < 0) throw new RestartRefusedException($"Nothing can be written to '{said}': {Marshal.GetLastPInvokeErrorMessage()}");
        LibC.Truncate(log);
        try
        {
            return Spawner.Start(new()
            {
                Program = program[0],
                Arguments = [.. program, .. serve, CheckOption],
                Environment = [.. starter.HostEnvironment()],
                Descriptors = [(log, 1), (log, 2)],
                NewSession = true,
            });
        }
        catch (SpawnException e)
        {
            throw Refuse(program, e.Message);
        }
        finally
        {
            LibC.Close(log);
        }
    }

    private static void Bury(int child)
    {
        LibC.Kill(child);
        while (LibC.ExitCodeOf(child) is null) Thread.Sleep(Pause);
    }

    private static string Read(string said)
    {
        using var reader = new StreamReader(said);
        var buffer = new char[MostWords];
        return new string(buffer, 0, reader.ReadBlock(buffer)).Trim();
    }

    private static RestartRefusedException Refuse(IReadOnlyList<string> program, string why) => new($"'{string.Join(' ', program)}' cannot follow: {why}");
}
