using System.Globalization;
using Outlast.Output;

namespace Outlast.Runners.Processes;

/// <summary>The shell loop between a command and its log: it holds the pipe's reading end, so that a full disk or a killed <c>dd</c> makes the writer wait instead of dying, and keeps the log within its cap, whether a host lives or not.</summary>
/// <remarks>
/// Called as <c>sh -c SCRIPT sh LOG HEAD LIMIT KEEP CAP BLOCK COUNT</c>, with 0: the pipe, 3: <c>LOG.lost</c>, locked, 4: the log, opened for appending. Ends when the last writer has gone; the lock is free then.
/// <c>dd</c> writes what it reads at once, up to COUNT blocks; fewer without a failure are the end. One that fails has lost at most what one read of the pipe gave it: the pipe's capacity. That is added up in <c>LOG.lost</c>, in room taken
/// beforehand. Before it reads on, there must be room again.
/// Nobody else shortens the log, so what was counted decides without a look when there is nothing to remove. What is removed is told in <c>LOG.dropped</c> first, whose room is taken long before it is needed, and told on the disk itself:
/// after a power cut too a hole is no output.
/// </remarks>
internal static class KeeperScript
{
    public const int LockDescriptor = 3, LogDescriptor = 4;

    /// <summary>What a pipe holds, and so the most that one failed <c>dd</c> can lose.</summary>
    public const int LostAtOnce = 65536;

    // Between two looks at the size: a quarter of the cap, so that the log is never much above it, but enough that looking costs little.
    private const long LeastBetween = 1L << 20, MostBetween = 256L << 20;
    private const int ReadsBetween = 256;

    public static string Text { get; } =
        $$"""
        umask 077
        n=0 p=0 d=$2 e=
        until [ $e ]; do
          r=$(/bin/dd bs=$6 count=$7 status=noxfer 2>&1 >&4); s=$?
          i=${r%% records in*}; i=${i##*[!0-9+]}; i=$((${i:-0})); p=$((p+i*$6))
          if [ $s != 0 ]; then p=$(($5+1))
          elif [ $i != $7 ]; then e=1
          elif [ ! -e "$1.dropped" ]; then echo "0 0 end                                        " >"$1.dropped"
          fi
          if [ $p -gt $5 ]; then
            z=$(/usr/bin/stat -c %s "$1"); t=$(((z-$4)/{{OutputCapRule.Page}}*{{OutputCapRule.Page}}))
            if [ $((z-d)) -gt $3 ] && [ $t -gt $d ]; then echo "$2 $t end" 1<>"$1.dropped" && /bin/sync -d "$1.dropped" && /usr/bin/fallocate --punch-hole --offset $d --length $((t-d)) "$1" && d=$t; fi
          fi
          [ $s = 0 ] && continue
          n=$((n+{{LostAtOnce}}))
          echo "$n end" 1<>"$1.lost"
          while [ -f "$1.lost" ] && ! /usr/bin/head -c 262144 /dev/zero >"$1.room"; do /bin/rm -f "$1.room"; /bin/sleep 1; done
          /bin/rm -f "$1.room"
        done
        """;

    /// <summary>What comes after the script's own name.</summary>
    public static IEnumerable<string> Arguments(string log, ProcessSpec spec)
    {
        var rule = OutputCapRule.Of(spec.OutputCap, spec.OutputPolicy) ?? new(long.MaxValue, long.MaxValue, 0);
        var cap = Math.Max(rule.Limit, rule.Head + (rule.Head == long.MaxValue ? 0 : rule.Limit));
        var between = Math.Clamp(cap / 4, LeastBetween, MostBetween);
        var block = Math.Clamp(between / ReadsBetween, OutputCapRule.Page, LostAtOnce) / OutputCapRule.Page * OutputCapRule.Page;
        return [log, .. new[] { rule.Head, rule.Limit, rule.Keep, cap, block, between / block }.Select(number => number.ToString(CultureInfo.InvariantCulture))];
    }
}
