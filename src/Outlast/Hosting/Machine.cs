namespace Outlast.Hosting;

/// <summary>The machine that this host runs on.</summary>
internal static class Machine
{
    /// <summary>Differs after each boot of the machine: a process of another boot cannot live any more.</summary>
    public static string BootId { get; } = File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "unknown";

    /// <summary>Whether that very process, not another with its pid, is alive.</summary>
    public static bool IsAlive(Survivor process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process.Pid}/stat");
            // The name in parentheses may contain anything; what follows it is separated by single spaces, from field 3 on.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is not ("Z" or "X") && fields[19] == process.StartTicks.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
