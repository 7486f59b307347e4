using System.Text;
using Microsoft.Win32.SafeHandles;
using Outlast.AspNetCore;
using Outlast.Cli.Rendering;
using Outlast.Runners.Processes;

namespace Outlast.Cli.Serving;

/// <summary>Finds out whether a program can follow this host, by its own word, and remembers it.</summary>
internal sealed class HostRestart(HostStarter starter, IReadOnlyList<string> serve, IReadOnlyList<DateTimeOffset> askedByTasks, TimeProvider time) : IHostRestart
{
    public const string CheckOption = "--check";
    private const int MostByTasks = 3, MostWords = 4096, MostBytes = 1 << 20;
    private static readonly TimeSpan LoopWindow = TimeSpan.FromMinutes(10), CheckBound = TimeSpan.FromSeconds(30), Pause = TimeSpan.FromMilliseconds(10);
    private readonly SemaphoreSlim _one = new(1);
    private readonly CancellationTokenSource _calledOff = new();
    private readonly Lock _lock = new();
    // Guarded by _lock: once it is called off, there is none any more.
    private IReadOnlyList<string>? _next;

    /// <summary>The program that follows; none: the host goes for good.</summary>
    public IReadOnlyList<string>? Next
    {
        get { lock (_lock) return _next; }
    }

    /// <summary>When tasks asked for a restart lately.</summary>
    public IReadOnlyList<DateTimeOffset> AskedByTasks { get; private set; } = askedByTasks;

    public async Task<string> PrepareAsync(IReadOnlyList<string>? program, TaskId? asker, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel, _calledOff.Token);
        try
        {
            return await PrepareOneAsync(program, asker, over.Token);
        }
        catch (OperationCanceledException) when (_calledOff.IsCancellationRequested)
        {
            throw new DrainingException();
        }
    }

    public void Withdraw()
    {
        lock (_lock) _next = null;
    }

    public void CallOff()
    {
        lock (_lock)
        {
            _next = null;
            _calledOff.Cancel();
        }
    }

    private async Task<string> PrepareOneAsync(IReadOnlyList<string>? program, TaskId? asker, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            if (Next is not null) throw new DrainingException();
            IReadOnlyList<DateTimeOffset> lately = [.. AskedByTasks.Where(at => time.GetUtcNow() - at < LoopWindow)];
            if (asker is not null && lately.Count >= MostByTasks)
                throw new RestartRefusedException($"Tasks have asked for {lately.Count} restarts within {Words.Length(LoopWindow)}: that looks like a loop. A person may restart the host at any time", isLoop: true);
            program ??= [.. HostStarter.ProgramArguments()];
            var version = await CheckAsync(program, cancel);
            AskedByTasks = asker is null ? lately : [.. lately, time.GetUtcNow()];
            lock (_lock)
            {
                cancel.ThrowIfCancellationRequested();
                _next = program;
            }
            return version;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>What it says is kept in memory: a full disk must not silence it.</summary>
    private async Task<string> CheckAsync(IReadOnlyList<string> program, CancellationToken cancel)
    {
        using var said = LibC.CreateInMemory("check");
        using var complained = LibC.CreateInMemory("check-errors");
        var child = Start(program, said, complained);
        var start = time.GetTimestamp();
        int? code = null;
        try
        {
            while ((code = LibC.ExitCodeOf(child)) is null)
            {
                if (time.GetElapsedTime(start) > CheckBound) throw Refuse(program, $"it has not said within {Words.Length(CheckBound)} whether it can serve");
                if (RandomAccess.GetLength(said) + RandomAccess.GetLength(complained) > MostBytes) throw Refuse(program, "it does not stop talking");
                await Task.Delay(Pause, time, cancel);
            }
        }
        finally
        {
            if (code is null) LibC.Bury(child);
        }
        var words = Read(said);
        if (code == 0 && words.StartsWith(StartCheck.Fine, StringComparison.Ordinal)) return words[StartCheck.Fine.Length..].Split('\n')[0];
        // A program that cannot serve says so on its standard error; what is not this program at all says anything anywhere.
        words = $"{Read(complained)}\n{words}".Trim();
        throw Refuse(program, words.Length > 0 ? words.Replace("outlast: ", "", StringComparison.Ordinal) : Words.Invariant($"it ended with code {code} and said nothing"));
    }

    private int Start(IReadOnlyList<string> program, SafeFileHandle said, SafeFileHandle complained)
    {
        try
        {
            return Spawner.Start(new()
            {
                Program = program[0],
                Arguments = [.. program, .. serve, CheckOption],
                Environment = [.. starter.HostEnvironment()],
                Descriptors = [((int)said.DangerousGetHandle(), 1), ((int)complained.DangerousGetHandle(), 2)],
                NewSession = true,
            });
        }
        catch (SpawnException e)
        {
            throw Refuse(program, e.Message);
        }
    }

    private static string Read(SafeFileHandle said)
    {
        var bytes = new byte[MostWords];
        return Encoding.UTF8.GetString(bytes, 0, RandomAccess.Read(said, bytes, 0)).Trim();
    }

    private static RestartRefusedException Refuse(IReadOnlyList<string> program, string why) => new($"'{string.Join(' ', program)}' cannot follow: {why}");
}
