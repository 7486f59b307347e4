using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>Everything about one task, for reading.</summary>
internal sealed class TaskSheet(TaskView task, DateTimeOffset now, bool ink, Func<string, string> command)
{
    private const int Margin = 12;
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines()
    {
        Head();
        Origin();
        Times();
        Asking();
        Ending();
        Told();
        Stopping();
        Limits();
        Printed();
        Notes();
        FollowUps();
        return _lines;
    }

    private void Head()
    {
        _lines.Add($"{Bold(Words.Invariant($"Task {task.Number}"))}  {Bold(Safe(task.Name))}  {Colour(Words.State(task))}");
        Field("id", task.Id);
    }

    private void Origin()
    {
        Field(task.Spec.Process is null ? task.Kind : "command", Words.Command(task));
        if (task.Spec.Input is { } input) Field("input", Shorten(input.GetRawText()));
        if (task.Spec.Process is { } process)
        {
            Field("folder", process.Cwd);
            if (process.Stdin.Kind != "none") Field("input", process.Stdin.Kind switch { "text" => "a text", "open" => "open: what 'send' sends it", _ => "the caller's" });
        }
        if (task.RetryOf is { } former) Field("retry of", former);
        if (task.Session is { } session) Field("session", session);
        if (task.Group is { } group) Field("group", group);
        if (task.Labels is { Count: > 0 } labels) Field("labels", string.Join(", ", labels.Select(l => $"{l.Key}={l.Value}")));
        if (task.Parent is { } parent) Field("parent", $"{(task.Root == parent ? parent : $"{parent}, root {task.Root}")}{(task.Spec.Detached == true ? " (detached)" : "")}");
        if (task.Below is { Open: { } open, Ever: { } ever }) Field("below", Words.Invariant($"{open} open, {ever} ever"));
        if (task.Spec.Children is { } children) Field("children", children == "stop" ? "its end stops them" : "its end lets them go on");
    }

    private void Times()
    {
        Field("submitted", When(task.CreatedAt));
        if (task.NotBefore is { } notBefore) Field(task.Attempt > 0 ? "tried again" : "starts", $"at {Words.At(notBefore, now)} at the earliest");
        else if (task.Queue is { } queue) Field("waits for", Words.Invariant($"{queue.WaitsFor}; place {queue.Position} in the queue"));
        if (task is { StartedAt: null, Spec.StartBy: { } startBy }) Field("start by", Words.At(startBy, now));
        if (task.Spec.Priority is { } priority && task.Queue is not null) Field("priority", Words.Invariant($"{priority}"));
        if (task.StartedAt is { } started) Field("started", $"{When(started)}{Tries()}");
        if (task.EndedAt is { } ended) Field("ended", $"{When(ended)}{(task.StartedAt is { } start ? $", after {Words.Length(ended - start)}" : "")}");
        if (task is { HasEnded: false, Process: { } process })
            Field("process", Words.Invariant($"{process.CommandPid ?? process.Pid}{(process.CommandPid is null ? "" : $" (in the session of {process.Pid})")}"));
        if (task.Progress is { } progress) Field("progress", Progress(progress));
        if (task.IdleMs is > 1000 and var idle) Field("silent for", Words.Length(idle));
    }

    private static string Progress(ProgressView progress)
    {
        List<string> words = [];
        if (progress.Fraction is { } fraction) words.Add(Words.Invariant($"{fraction * 100:0} %"));
        if (progress.Done is { } done) words.Add($"{Words.Invariant($"{done}")}{(progress.Total is { } total ? Words.Invariant($" of {total}") : "")}{(progress.Unit is { } unit ? " " + unit : "")}");
        if (progress.Text is { Length: > 0 } text) words.Add(text);
        return string.Join(", ", words);
    }

    private void Asking()
    {
        if (task.Question is not { } question) return;
        if (question.Answer is { } answer)
        {
            if (!task.HasEnded) Field("asked", $"{question.Text}  {(answer.Text is { } said ? $"'{said}'" : "nobody answered")}, by {Words.Actor(answer.Actor)}");
            return;
        }
        Field("asks", question.Text);
        if (question.Choices is { Count: > 0 } choices) Field("answers", string.Join(", ", choices));
        if (question.ExpiresAt is { } expires) Field("until", $"{Words.At(expires, now)}{(question.Default is { } otherwise ? $", then '{otherwise}'" : ", then nobody has answered")}");
    }

    private string Tries() => Words.Invariant($", attempt {task.Attempt}{(task.Spec.Retry is { } retry ? Words.Invariant($" of at most {retry.Max + 1} ({string.Join(", ", retry.On ?? [])} is tried again)") : "")}{(task.Adoptions > 0 ? $", adoptions {task.Adoptions}: a later host took it over" : "")}");

    private void Ending()
    {
        if (task.End is not { } end) return;
        Field("why", $"{end.Reason ?? Words.State(task)} (cause {end.Cause})");
        if (end.Actor is { } actor) Field("by", Words.Actor(actor));
        if (end.Measured is { Count: > 0 } measured) Field("measured", string.Join(", ", measured.Select(m => Words.Measured(m.Key, m.Value))));
        if (end.ExitCode is { } code) Field("exit code", Words.Invariant($"{code}{(end.Signal is { } signal ? $" (killed by {signal})" : "")}"));
        if (end.Error is { } error) Field("error", $"{error.Type}: {error.Message}");
        if (end.Result is { } result) Field("result", Shorten(result.GetRawText()));
        if (end.Resources is { } used)
            Field("used", $"{Words.Length(used.WallMs)}{(used.CpuMs is { } cpu ? $", CPU {Words.Length(cpu)}" : "")}{(used.PeakBytes is { } peak ? $", memory up to {Words.Bytes(peak)}" : "")}");
        Fields("evidence", end.Evidence);
        Fields("left behind", end.Leftovers.Select(p => Process(p) + (task.Survivors is { } alive && alive.Any(s => s.Pid == p.Pid && s.StartTicks == p.StartTicks) ? "  (alive)" : "  (gone)")));
    }

    /// <summary>How far its notices have come, and what its session is not told of.</summary>
    private void Told()
    {
        if (task.Notices is { Count: > 0 } notices) Field("notices", string.Join(", ", notices.Select(n => Words.Invariant($"{n.Value} {n.Key.Replace('_', ' ')}"))));
        else if (task.Notify is { } notify) Field("notices", notify switch { "last" => "only of the end of its group", "failures" => "only unless it completes", _ => "of no end" });
    }

    private void Stopping()
    {
        if (task.Stop is not { } stop) return;
        Field(task.HasEnded ? "stop asked" : "stopping", $"{When(stop.RequestedAt)} by {Words.Actor(stop.Actor)}, cause {stop.Cause}{(stop.Reason is { } reason ? $": {reason}" : "")}");
        if (!task.HasEnded && stop.Measured is { Count: > 0 } measured) Field("measured", string.Join(", ", measured.Select(m => Words.Measured(m.Key, m.Value))));
    }

    private void Limits()
    {
        List<string> limits = [];
        if (task.Limits?.TimeoutMs is { } timeout) limits.Add($"{Words.Length(timeout)} in all");
        if (task.Limits?.IdleTimeoutMs is { } idle) limits.Add($"{Words.Length(idle)} of silence");
        if (task.Spec.Process is { OutputCap: > 0 and var cap } process) limits.Add($"{Words.Bytes(cap)} of output ({process.OutputPolicy})");
        if (task.Spec.Budget is { } budget)
        {
            if (budget.WallMs is { } wall) limits.Add($"{Words.Length(wall)} with what is below it");
            if (budget.OutputBytes is { } output) limits.Add($"{Words.Bytes(output)} of output with what is below it");
            if (budget.Tasks is { } tasks) limits.Add($"{Words.Count(tasks, "task")} below it, ever");
        }
        if (limits.Count > 0) Field("limits", string.Join(", ", limits));
    }

    private void Printed()
    {
        var output = task.Output;
        var facts = Words.Bytes(output.Bytes);
        if (output.ErrorBytes > 0) facts += $", {Words.Bytes(output.ErrorBytes)} on standard error";
        if (output.DroppedBytes > 0) facts += $", {Words.Bytes(output.DroppedBytes)} dropped";
        if (output.LostBytes > 0) facts += $", up to {Words.Bytes(output.LostBytes)} damaged or lost";
        if (output.RemovedAt is { } removed) facts += $", removed {When(removed)}";
        Field("output", facts);
    }

    private void Notes() => Fields("notes", task.Annotations.Select(a => $"{Words.At(a.At, now)}  {a.Text}"));

    private void FollowUps()
    {
        _lines.Add("");
        if (task.HasEnded)
        {
            if (task.Output is { RemovedAt: null } and not { Bytes: 0, ErrorBytes: 0 }) FollowUp("logs", "what it printed");
            FollowUp("events", "what happened, in order");
            if (task.State != TaskStateNames.Completed) FollowUp("retry -d", "run it again");
            if (task.Survivors is { Count: > 0 }) FollowUp("stop --leftovers", "end what it left behind");
            return;
        }
        if (task.Question is { Answer: null } question) FollowUp("answer", "answer it", question.Choices is [var first, ..] ? Words.Quote(first) : "'TEXT'");
        FollowUp("logs -f", "follow what it prints");
        FollowUp("wait", "wait for its end");
        if (task.Stop is null) FollowUp("stop", "ask it to stop");
        else FollowUp("stop --now", "stop it without grace");
    }

    private void FollowUp(string verb, string purpose, string? rest = null)
    {
        var tail = rest is null ? "" : " " + rest;
        _lines.Add($"  {command(Words.Invariant($"{verb} {task.Number}{tail}"))}{new string(' ', Math.Max(1, 12 - verb.Length - tail.Length))}{Dim("# " + purpose)}");
    }

    private void Field(string name, string value) => _lines.Add($"  {Dim(name.PadRight(Margin))}{Safe(value)}");

    private void Fields(string name, IEnumerable<string> values)
    {
        foreach (var value in values)
        {
            Field(name, value);
            name = "";
        }
    }

    private static string Process(SurvivorView process) => Words.Invariant($"{process.Pid}  {process.Command}");

    private string When(DateTimeOffset at) => $"{Words.At(at, now)} ({Words.Ago(at, now)} ago)";

    private static string Shorten(string text) => text.Length <= 400 ? text : text[..400] + "…";

    private static string Safe(string text) => ControlSequences.Escape(text);

    private string Bold(string text) => ink ? Ink.Bold(text) : text;

    private string Dim(string text) => ink ? Ink.Dim(text) : text;

    private string Colour(string text) => ink ? Ink.OfState(task.State, text) : text;
}
