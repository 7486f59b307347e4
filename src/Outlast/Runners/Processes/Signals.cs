using System.Collections.Frozen;

namespace Outlast.Runners.Processes;

/// <summary>Signals by name and number, and the one way to send them.</summary>
internal static class Signals
{
    public const int Kill = 9, Continue = 18;

    private static readonly FrozenDictionary<string, int> Numbers = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase)
    {
        ["HUP"] = 1,
        ["INT"] = 2,
        ["QUIT"] = 3,
        ["ILL"] = 4,
        ["TRAP"] = 5,
        ["ABRT"] = 6,
        ["BUS"] = 7,
        ["FPE"] = 8,
        ["KILL"] = 9,
        ["USR1"] = 10,
        ["SEGV"] = 11,
        ["USR2"] = 12,
        ["PIPE"] = 13,
        ["ALRM"] = 14,
        ["TERM"] = 15,
        ["STKFLT"] = 16,
        ["CHLD"] = 17,
        ["CONT"] = 18,
        ["STOP"] = 19,
        ["TSTP"] = 20,
        ["TTIN"] = 21,
        ["TTOU"] = 22,
        ["URG"] = 23,
        ["XCPU"] = 24,
        ["XFSZ"] = 25,
        ["VTALRM"] = 26,
        ["PROF"] = 27,
        ["WINCH"] = 28,
        ["IO"] = 29,
        ["PWR"] = 30,
        ["SYS"] = 31,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<int, string> Names = Numbers.ToFrozenDictionary(n => n.Value, n => n.Key);

    /// <summary>Every signal that can be caught and whose default is death, named as the shell's <c>trap</c> accepts it.</summary>
    public static string Deadly { get; } =
        "HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM 16 XCPU XFSZ VTALRM PROF IO PWR SYS " + string.Join(' ', Enumerable.Range(34, 31));

    /// <summary>The number of a signal that can ask a process to stop: <c>TERM</c>, <c>SIGTERM</c>, <c>15</c>.</summary>
    public static int? TryParse(string text)
    {
        if (int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)) return number is >= 1 and <= 64 ? number : null;
        var name = text.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? text[3..] : text;
        return Numbers.TryGetValue(name, out var found) ? found : null;
    }

    public static string NameOf(int signal) => Names.TryGetValue(signal, out var name) ? name : signal.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Sends a signal to exactly that process; false if it is gone.</summary>
    public static bool Send(int pid, long startTicks, int signal)
    {
        using var pidFd = new Descriptor(LibC.OpenPidFd(pid));
        // The start is compared after the descriptor is there: a pid that was given to another process in between is then seen, and one that is given later is not reached.
        return !pidFd.IsInvalid && ProcessStat.TryRead(pid) is { IsDead: false } stat && stat.StartTicks == startTicks && LibC.SignalPidFd(pidFd.Number, signal) == 0;
    }

    /// <summary>Sends a signal to the group that this process leads, while it is provably still that process; false if it is not.</summary>
    public static bool SendToGroup(int leader, long startTicks, int signal)
    {
        using var pidFd = new Descriptor(LibC.OpenPidFd(leader));
        return !pidFd.IsInvalid && ProcessStat.TryRead(leader) is { } stat && stat.StartTicks == startTicks && stat.Group == leader && LibC.Kill(-leader, signal) == 0;
    }
}
