using System.Reflection;

namespace Outlast.Cli;

/// <summary>Which program this is: a version and, after a plus, the sources it was built from.</summary>
internal static class ProgramVersion
{
    public static string Text { get; } = typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    /// <summary>What to tell somebody whose host is of other sources than this client; none when they agree or the host is newer.</summary>
    public static string? Warning(string host, string restart)
    {
        if (host == Text) return null;
        var age = Number(host).CompareTo(Number(Text));
        return age > 0 ? null
            : $"the running host is {(age < 0 ? "older than this program" : "another build")} ({Short(host)}; this is {Short(Text)}). To change it: {restart}; commands go on";
    }

    private static string Short(string text) => text.IndexOf('+', StringComparison.Ordinal) is >= 0 and var at && text.Length > at + 9 ? text[..(at + 9)] : text;

    private static Version Number(string text) => System.Version.TryParse(text.Split('+', '-')[0], out var number) ? number : new();
}
