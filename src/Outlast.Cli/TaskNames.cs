using Outlast.Client;

namespace Outlast.Cli;

/// <summary>Finds the task that a person means: by number, by id, or by an end of its id.</summary>
internal static class TaskNames
{
    private const int IdLength = 26, ShortestEnd = 4;

    /// <summary>The whole id.</summary>
    public static async Task<string> FindAsync(OutlastHttpClient client, CommandContext context, string name, CancellationToken cancel)
    {
        if (name.Length == IdLength && name.All(char.IsAsciiLetterOrDigit)) return name.ToLowerInvariant();
        if (!name.All(char.IsAsciiLetterOrDigit) || name.Length == 0) throw NotFound(context, name);
        if (name.Length < ShortestEnd && !name.All(char.IsAsciiDigit))
            throw CommandException.Usage($"'{name}' is too short: name a task by its number, its id, or at least {ShortestEnd} characters of its id's end");

        var ids = await client.ResolveAsync(name.ToLowerInvariant(), cancel);
        return ids.Count switch
        {
            1 => ids[0],
            0 => throw NotFound(context, name),
            _ => throw CommandException.Usage($"'{name}' fits several tasks; say which:\n{string.Join('\n', await Task.WhenAll(ids.Select(id => DescribeAsync(client, id, cancel))))}"),
        };
    }

    /// <summary>The whole ids, each once, in the order given.</summary>
    public static async Task<IReadOnlyList<string>> FindAllAsync(OutlastHttpClient client, CommandContext context, IEnumerable<string> names, CancellationToken cancel)
    {
        List<string> ids = [];
        foreach (var name in names)
        {
            var id = await FindAsync(client, context, name, cancel);
            if (!ids.Contains(id)) ids.Add(id);
        }
        return ids;
    }

    public static CommandException NotFound(CommandContext context, string name) =>
        new($"no task is known as '{name}'. See which there are: {context.Command("ps -a")}", ExitCodes.NotFound);

    private static async Task<string> DescribeAsync(OutlastHttpClient client, string id, CancellationToken cancel)
    {
        try
        {
            var task = await client.GetAsync(id, cancel: cancel);
            return $"  {id}  {task.Number}  {task.State}  {task.Name}";
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.Removed)
        {
            return $"  {id}  removed";
        }
    }
}
