namespace Outlast.Cli.Serving;

/// <summary>Lets a line that comes again and again through once a minute, with how often it came.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class RepeatFilter(TimeProvider time)
{
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromMinutes(1);
    private string? _last;
    private long _writtenAt, _kept;

    /// <summary>What is to be written now that this was said; none: nothing.</summary>
    public string? Take(string said)
    {
        if (said == _last && time.GetElapsedTime(_writtenAt) < AtMostEvery)
        {
            _kept++;
            return null;
        }
        var before = _kept == 0 ? "" : $" (the line before came {_kept} times more)";
        (_last, _writtenAt, _kept) = (said, time.GetTimestamp(), 0);
        return said + before;
    }
}
