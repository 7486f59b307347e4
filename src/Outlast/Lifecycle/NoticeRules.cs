using System.Collections.Immutable;

namespace Outlast.Lifecycle;

/// <summary>What a session is told of a step in the life of its task: pure, decided beside the events and written with them.</summary>
internal static class NoticeRules
{
    /// <summary>The notices of a change.</summary>
    /// <param name="after">The record as the change leaves it.</param>
    /// <param name="events">What happened, oldest first; the last of the record's events are these.</param>
    public static ImmutableArray<NoticeDraft> Of(TaskRecord after, ImmutableArray<TaskEventDraft> events)
    {
        if (after.Spec.Session is null || events.IsDefaultOrEmpty) return [];
        var drafts = ImmutableArray.CreateBuilder<NoticeDraft>();
        var taskSeq = after.Events - events.Length;
        foreach (var happened in events)
        {
            taskSeq++;
            switch (happened.Type)
            {
                case TaskEventType.Ended:
                    AddEnd(drafts, after, happened.At);
                    break;
                case TaskEventType.Warning:
                    drafts.Add(new($"warning:{taskSeq}", NoticeKind.Warning, happened.At, $"{after.Spec.Name}: a warning", $"{TextOf(happened)}."));
                    break;
                case TaskEventType.Question:
                    drafts.Add(new($"question:{taskSeq}", NoticeKind.Question, happened.At, $"{after.Spec.Name} asks", Ask(after)));
                    break;
                default:
                    break;
            }
        }
        return drafts.ToImmutable();
    }

    /// <summary>Why nobody need be told any more that it asks; none if it did not ask, or still does.</summary>
    public static string? WhyQuestionIsOver(TaskRecord before, TaskRecord after)
    {
        if (before.State != TaskState.Waiting || after.State == TaskState.Waiting) return null;
        return after.Question?.Answer is not { } answer ? "its task waits no longer" : answer.Actor.Type == ActorType.Rule ? "it expired" : "it was answered";
    }

    private static void AddEnd(ImmutableArray<NoticeDraft>.Builder drafts, TaskRecord after, DateTimeOffset at)
    {
        var tells = after.Spec.Notify switch
        {
            NotifyPolicy.Each => true,
            NotifyPolicy.Failures => after.State != TaskState.Completed,
            NotifyPolicy.Last or NotifyPolicy.None => false,
        };
        if (tells) drafts.Add(new("ended", NoticeKind.Ended, at, $"{after.Spec.Name} {Verb(after.State)}", $"{Verb(after.State)}: {after.End!.Reason}."));
        if (after.Spec.Group is not null && after.Spec.Notify != NotifyPolicy.None) drafts.Add(new("group", NoticeKind.Group, at, "", ""));
    }

    /// <summary>The end in a verb. Nobody reads that it was stopped by a user when no user did: the reason says who.</summary>
    private static string Verb(TaskState state) => state switch
    {
        TaskState.Completed => "completed",
        TaskState.Failed => "failed",
        TaskState.TimedOut => "timed out",
        TaskState.Stopped => "was stopped",
        TaskState.Lost => "is lost",
        TaskState.Queued or TaskState.Running or TaskState.Waiting or TaskState.Stopping => Names.Of(state),
    };

    private static string Ask(TaskRecord after)
    {
        var question = after.Question;
        if (question is null) return "asks.";
        var choices = question.Choices is { IsDefaultOrEmpty: false } given ? $" Answers: {string.Join(", ", given)}." : "";
        var expiry = question.ExpiresAt is { } at ? $" Until {at.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}{(question.Default is { } otherwise ? $", then '{otherwise}'" : "")}." : "";
        return $"asks: {question.Text}{choices}{expiry} Answer it with: outlast answer {after.Number} TEXT";
    }

    private static string TextOf(TaskEventDraft happened) => happened.Data.TryGetValue("text", out var text) ? text.GetString() ?? "" : "";
}
