using System.CommandLine;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Options that say which tasks are meant; all that are given must fit.</summary>
internal sealed class TaskFilters
{
    public static readonly string[] OpenStates = [TaskStateNames.Queued, TaskStateNames.Running, TaskStateNames.Waiting, TaskStateNames.Stopping];
    private const int PageLimit = 1000;

    private readonly Option<string[]> _states = Filter<string[]>("--state", "STATE", "Only in this state; several times, or with commas", ',');
    private readonly Option<string?> _kind = Filter<string?>("--kind", "KIND", "Only of this kind: process, handler");
    private readonly Option<string?> _session = Filter<string?>("--session", "S", "Only of this session");
    private readonly Option<string?> _label = Filter<string?>("--label", "KEY[=VALUE]", "Only with this label");
    private readonly Option<string?> _text = Filter<string?>("--query", "TEXT", "Only with this text in the name or the command, case ignored");

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

    /// <summary>A filter that was given and says nothing would fit everything: an unset variable of a script must not stop or remove all there is.</summary>
    private static Option<T> Filter<T>(string name, string helpName, string description, params char[] between)
    {
        var option = new Option<T>(name) { Description = description, HelpName = helpName };
        option.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(t => t.Value.All(c => char.IsWhiteSpace(c) || between.Contains(c))) is { } blank) result.AddError($"{name} '{blank.Value}' is empty; leave it out to mean all");
        });
        return option;
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
