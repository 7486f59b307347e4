using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;

namespace Outlast.Supervision;

/// <summary>How much room must be left.</summary>
public sealed class DiskGuardOptions
{
    /// <summary>Less than that, or less than 5 % of a smaller disk, and no new work starts. None: it starts all the same.</summary>
    /// <value>1 GiB.</value>
    public long? Reserve { get; init; } = 1L << 30;
}

/// <summary>The room where the data folder is, in bytes; none where it cannot be read.</summary>
internal sealed record DiskProbe(Func<(long Free, long Total)?> Read)
{
    public static DiskProbe Of(DataFolder folder) => new(() =>
    {
        try
        {
            var drive = new DriveInfo(folder.Path);
            return (drive.AvailableFreeSpace, drive.TotalSize);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    });
}

/// <summary>Keeps new work from starting on a disk that is nearly full: what runs needs the rest. It goes on by itself when there is room again.</summary>
internal sealed class DiskGuard(DiskProbe disk, DiskGuardOptions options, TimeProvider time, ILogger<DiskGuard> log)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private const int PercentOfSmallDisk = 5;
    private volatile string? _failure;

    /// <summary>What is wrong; none when there is room.</summary>
    public string? Failure => _failure;

    /// <summary>Told when there is room again.</summary>
    public event Action? Recovered;

    /// <summary>Looks until <paramref name="letGo"/>.</summary>
    public async Task KeepLookingAsync(CancellationToken letGo)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(letGo)) Look();
    }

    public void Look()
    {
        var before = _failure;
        _failure = disk.Read() is var (free, total) && options.Reserve is { } reserve && Math.Min(reserve, total / 100 * PercentOfSmallDisk) is var needed && free < needed
            ? $"{ByteSize.Describe(free)} are free, {ByteSize.Describe(needed)} are kept for what runs (setting disk.reserve)"
            : null;
        if (_failure is { } failure && before is null) log.DiskLow(failure);
        if (_failure is not null || before is null) return;
        log.DiskRecovered();
        Recovered?.Invoke();
    }
}
