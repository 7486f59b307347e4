using System.Diagnostics;

namespace Outlast.Cli.Serving;

/// <summary>The last instants of a host, told to whoever listens to the runtime's <see cref="DiagnosticListener"/>: the fault suite kills its host inside such a call.</summary>
internal static class HostMilestone
{
    /// <summary>It answers, and nobody has been told.</summary>
    public const string HostStarted = "host_started";
    public const string ListenerDisposed = "listener_disposed";
    public const string StoreClosed = "store_closed";
    public const string BeforeExecve = "before_execve";
    private static readonly DiagnosticListener Listener = new("Outlast");

    public static void Reach(string name)
    {
        if (Listener.IsEnabled(name)) Listener.Write(name, null);
    }
}
