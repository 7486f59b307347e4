using System.CommandLine;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Options that say which tasks are meant; all that are given must fit.</summary>
internal sealed class TaskFilters
{
    public static readonly string[] OpenStates = [TaskStateNames.Queued, TaskStateNames.Running, TaskStateNames.Waiting, TaskStateNames.Stopping];
    private const int PageLimit = 1000;

    private readonly Option<string[]> _states = new("--state") { Description = "Only in this state; several times, or with commas", HelpName = "STATE" };
    private readonly Option<string?> _kind = new("--kind") { Description = "Only of this kind: process", HelpName = "KIND" };
    private readonly Option<string?> _session = new("--session") { Description = "Only of this session", HelpName = "S" };
    private readonly Option<string?> _label = new("--label") { Description = "Only with this label", HelpName = "KEY[=VALUE]" };
    private readonly Option<string?> _text = new("--query") { Description = "Only with this text in the name or the command, case ignored", HelpName = "TEXT" };

    public IEnumerable<Option> All => [_states, _kind, _session, _label, _text];

    /// <summary>Whether any is given.</summary>
    public bool AreGiven(ParseResult parsed) => All.Any(o => parsed.GetResult(o) is not null);

    public TaskListQuery ToQuery(ParseResult parsed, IReadOnlyList<string> statesOtherwise)
    {
        var wanted = (parsed.GetValue(_states) ?? []).SelectMany(s => s.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).ToArray();
        return new()
        {
            States = wanted.Length > 0 ? wanted : statesOtherwise,
            Kind = parsed.GetValue(_kind),
            Session = parsed.GetValue(_session),
            Label = parsed.GetValue(_label),
            Text = parsed.GetValue(_text),
            Limit = int.MaxValue,
        };
    }

    /// <summary>As many as the query allows, over as many pages as that takes, and whether there are more.</summary>
    public static async Task<(List<TaskView> Tasks, bool More)> ListAsync(OutlastHttpClient client, TaskListQuery query, CancellationToken cancel)
    {
        List<TaskView> tasks = [];
        string? cursor = null;
        do
        {
            var page = await client.ListAsync(query with { Cursor = cursor, Limit = Math.Min(PageLimit, query.Limit - tasks.Count) }, cancel);
            tasks.AddRange(page.Tasks);
            cursor = page.NextCursor;
        }
        while (cursor is not null && tasks.Count < query.Limit);
        return (tasks, cursor is not null);
    }
}
