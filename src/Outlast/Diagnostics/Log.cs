using Microsoft.Extensions.Logging;

namespace Outlast.Diagnostics;

/// <summary>Everything that the runtime writes to its log.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "The store cannot write: {Failure}. Nothing is accepted until it can.")]
    public static partial void StoreFailed(this ILogger log, string failure);

    [LoggerMessage(2, LogLevel.Warning, "The store can write again.")]
    public static partial void StoreRecovered(this ILogger log);

    [LoggerMessage(3, LogLevel.Error, "{Actor} failed on task {Task}.")]
    public static partial void ActorFailed(this ILogger log, Exception exception, string actor, TaskId task);

    [LoggerMessage(4, LogLevel.Error, "The runner of task {Task} failed.")]
    public static partial void RunnerFailed(this ILogger log, Exception exception, TaskId task);

    [LoggerMessage(5, LogLevel.Error, "The stop of task {Task} failed.")]
    public static partial void StopFailed(this ILogger log, Exception exception, TaskId task);

    [LoggerMessage(6, LogLevel.Warning, "The look for forgotten tasks failed: {Failure}")]
    public static partial void SweepFailed(this ILogger log, string failure);

    [LoggerMessage(7, LogLevel.Warning, "Pruning failed and will be tried again: {Failure}")]
    public static partial void PruneFailed(this ILogger log, string failure);

    [LoggerMessage(8, LogLevel.Warning, "Task {Task} could not be watched: {Failure}")]
    public static partial void WatchFailed(this ILogger log, string failure, TaskId task);

    [LoggerMessage(9, LogLevel.Error, "The signs of life of {Count} tasks cannot be measured; they count as silent.")]
    public static partial void MeasureFailed(this ILogger log, Exception exception, int count);

    [LoggerMessage(10, LogLevel.Warning, "Nobody looked for {Gap}: that time does not count as silence.")]
    public static partial void Unobserved(this ILogger log, TimeSpan gap);

    [LoggerMessage(11, LogLevel.Warning, "The machine slept or its clock was set: {Jump}. That time does not count against limits.")]
    public static partial void ClockJumped(this ILogger log, TimeSpan jump);

    [LoggerMessage(12, LogLevel.Information, "Host {Host} serves {Folder}: {Open} open tasks, {Quarantined} rows quarantined.")]
    public static partial void HostOpened(this ILogger log, HostId host, string folder, int open, int quarantined);

    [LoggerMessage(13, LogLevel.Information, "Host {Host} goes; {Running} running tasks go on without it.")]
    public static partial void HostGoes(this ILogger log, HostId host, int running);

    [LoggerMessage(14, LogLevel.Information, "Task {Number} ({Task}): {State}, {Cause}. {Reason}")]
    public static partial void TaskEnded(this ILogger log, long number, TaskId task, TaskState state, EndCause cause, string? reason);

    [LoggerMessage(20, LogLevel.Error, "The end of task {Task} cannot be written as it is; it is written as broken off, and why.")]
    public static partial void OutcomeRefused(this ILogger log, Exception exception, TaskId task);

    [LoggerMessage(40, LogLevel.Warning, "The disk is nearly full: {Failure}. No new work starts until there is room.")]
    public static partial void DiskLow(this ILogger log, string failure);

    [LoggerMessage(41, LogLevel.Warning, "There is room on the disk again.")]
    public static partial void DiskRecovered(this ILogger log);

    [LoggerMessage(42, LogLevel.Warning, "Keeping all output within its budget failed and will be tried again: {Failure}")]
    public static partial void BudgetFailed(this ILogger log, string failure);

    [LoggerMessage(44, LogLevel.Warning, "The budgets of trees that were there before this host could not be read; each is watched from its next change on: {Failure}")]
    public static partial void StockFailed(this ILogger log, string failure);

    [LoggerMessage(43, LogLevel.Error, "Somebody who is told of what was committed failed at it; it stays committed.")]
    public static partial void ListenerFailed(this ILogger log, Exception exception);

    [LoggerMessage(15, LogLevel.Critical, "An actor of the host has ended; the host does not do its work any more.")]
    public static partial void LoopFailed(this ILogger log, Exception exception);

    [LoggerMessage(16, LogLevel.Information, "Host {Host} takes no new work: {Mode}, asked for by {Actor}; {Running} tasks run.")]
    public static partial void HostDrains(this ILogger log, HostId host, DepartureMode mode, string actor, int running);

    [LoggerMessage(17, LogLevel.Information, "Host {Host} takes work again: its going was called off.")]
    public static partial void HostResumes(this ILogger log, HostId host);

    [LoggerMessage(19, LogLevel.Error, "The places that are taken and the tasks that run differed: {Difference}.")]
    public static partial void PlacesDiffer(this ILogger log, string difference);

    [LoggerMessage(18, LogLevel.Critical, "Host {Host} ends: {Why}.")]
    public static partial void HostSuperseded(this ILogger log, HostId host, string why);

    [LoggerMessage(60, LogLevel.Warning, "The look for notices to deliver failed and is tried again: {Failure}")]
    public static partial void DeliveryFailed(this ILogger log, string failure);

    [LoggerMessage(61, LogLevel.Warning, "Channel {Channel} does not reach session {Session}: {Failure}. It is tried again and again.")]
    public static partial void ChannelFailed(this ILogger log, string channel, string session, string failure);

    [LoggerMessage(62, LogLevel.Warning, "{Count} notices of session {Session} were dropped: {Reason}.")]
    public static partial void NoticesDropped(this ILogger log, int count, string session, string reason);
}
