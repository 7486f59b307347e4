using System.Diagnostics;

namespace Outlast.Diagnostics;

/// <summary>The instants that matter for recovery, told to whoever listens to the <see cref="DiagnosticListener"/> named <c>Outlast</c>.</summary>
/// <remarks>Told synchronously, on the thread that just did it: the fault suite kills its host inside such a call. Costs one check when nobody listens.</remarks>
internal static class Milestone
{
    public const string SubmitCommitted = "submit_committed";
    public const string ClaimCommitted = "claim_committed";
    public const string LockTaken = "lock_taken";
    public const string KeeperStarted = "keeper_started";
    public const string Spawned = "spawned";
    public const string ProcessRecorded = "process_recorded";
    public const string ExitSeen = "exit_seen";
    public const string OutputSynced = "output_synced";
    public const string SettleDecided = "settle_decided";
    public const string SettleCommitted = "settle_committed";
    public const string Published = "published";
    public const string StepCommitted = "step_committed";
    public const string StopCommitted = "stop_committed";
    public const string StopSignalSent = "stop_signal_sent";
    public const string KillSent = "kill_sent";
    public const string StopVerified = "stop_verified";
    public const string TombstoneCommitted = "tombstone_committed";
    public const string FilesRemoved = "files_removed";
    public const string NoticeHandedOver = "notice_handed_over";
    public const string NoticeAcknowledged = "notice_acknowledged";
    public const string HostStarted = "host_started";
    public const string ListenerDisposed = "listener_disposed";
    public const string StoreClosed = "store_closed";
    public const string BeforeExecve = "before_execve";

    private static readonly DiagnosticListener Listener = new("Outlast");

    /// <summary>Tells that it happened, for that task.</summary>
    public static void Reach(string name, TaskId? task = null)
    {
        if (Listener.IsEnabled(name)) Listener.Write(name, task);
    }
}
