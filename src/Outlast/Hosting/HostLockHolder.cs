using System.Globalization;
using System.Text;
using Outlast.Runners.Processes;

namespace Outlast.Hosting;

/// <summary>A program that a host is part of, as opposed to a host of its own (<c>outlast serve</c>).</summary>
/// <param name="Name">What a person knows it by.</param>
/// <param name="Listens">Whether it answers at the folder's socket.</param>
public sealed record EmbeddingProgram(string Name, bool Listens);

/// <summary>Who has, or had, the lock of a data folder.</summary>
/// <param name="Pid">Its process.</param>
/// <param name="StartTicks">That process's start, so that a recycled pid is not mistaken for it.</param>
/// <param name="Since">When it took the lock.</param>
/// <param name="Program">The program that the host is part of; none for one of its own.</param>
public sealed record HostLockHolder(int Pid, long StartTicks, DateTimeOffset Since, EmbeddingProgram? Program = null)
{
    private const int MostBytes = 1024;
    private const string Listening = "listens", Silent = "silent";

    /// <summary>Whether that very process is alive.</summary>
    public bool IsAlive => ProcessStat.TryRead(Pid) is { IsDead: false } stat && stat.StartTicks == StartTicks;

    /// <summary>Whoever wrote into the lock last; none if nobody did.</summary>
    public static unsafe HostLockHolder? Read(DataFolder folder)
    {
        using var descriptor = Descriptor.TryOpen(folder.HostLock, LibC.ReadOnly, out _);
        if (descriptor is null) return null;
        var buffer = stackalloc byte[MostBytes];
        var count = (int)LibC.Read(descriptor.Number, buffer, MostBytes);
        return count > 0 ? Parse(Encoding.UTF8.GetString(buffer, count).Split('\n')[0]) : null;
    }

    /// <summary>In words: <c>pid 4711 (Orders), since 2026-11-26 09:05:00</c>.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture, $"pid {Pid}{(Program is null ? "" : $" ({Program.Name})")}, since {Since.ToLocalTime():yyyy-MM-dd HH:mm:ss}");

    internal static HostLockHolder Ourselves(DateTimeOffset now, EmbeddingProgram? program) =>
        new(Environment.ProcessId, ProcessStat.TryRead(Environment.ProcessId)?.StartTicks ?? 0, now, program);

    internal string ToText() => string.Create(CultureInfo.InvariantCulture, $"{Pid} {StartTicks} {Since:O}{(Program is null ? "" : $" {(Program.Listens ? Listening : Silent)} {OneLine(Program.Name)}")}\n");

    private static HostLockHolder? Parse(string line) =>
        line.Split(' ', 5) is [var pid, var ticks, var since, .. var rest]
            && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var p) && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var t)
            && DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture, out var s)
            ? new(p, t, s, rest is [var listens, var name] ? new(name, listens == Listening) : null) : null;

    private static string OneLine(string name) => new([.. name.Where(c => !char.IsControl(c)).Take(200)]);
}
