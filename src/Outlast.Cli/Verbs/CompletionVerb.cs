using System.CommandLine;
using Outlast.Cli.Completing;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class CompletionVerb
{
    public const string Name = "completion";
    private const int MostTasks = 100;
    // Somebody has pressed a key and waits.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public static Command Create(CommandContext context)
    {
        var command = new Command(Name, "A script that makes a shell complete verbs, options and tasks. For bash, in ~/.bashrc: eval \"$(outlast completion bash)\"");
        Add("bash", "For bash; in ~/.bashrc: eval \"$(outlast completion bash)\"", CompletionScripts.Bash);
        Add("zsh", "For zsh; in ~/.zshrc after compinit: eval \"$(outlast completion zsh)\"", CompletionScripts.Zsh);
        Add("fish", "For fish: outlast completion fish > ~/.config/fish/completions/outlast.fish", CompletionScripts.Fish);
        var kind = new Argument<string>("KIND");
        var candidates = new Command("candidates", "What the scripts ask: a word and its meaning a line") { kind };
        candidates.Hidden = true;
        candidates.SetAction((parsed, cancel) => TellAsync(context, parsed.GetValue(kind)!, cancel));
        command.Subcommands.Add(candidates);
        return command;

        void Add(string shell, string about, Func<IReadOnlyList<CompletedVerb>, string> write)
        {
            var one = new Command(shell, about);
            one.SetAction(_ =>
            {
                var settings = context.Door.Explain(null).Settings.Select(s => s.Key).ToList();
                context.Terminal.Write(System.Text.Encoding.UTF8.GetBytes(write([.. CompletedVerb.Of(CommandLine.Tree(context), settings)])));
                return ExitCodes.Ok;
            });
            command.Subcommands.Add(one);
        }
    }

    /// <summary>Whatever is wrong, who completes hears nothing of it.</summary>
    private static async Task<int> TellAsync(CommandContext context, string kind, CancellationToken cancel)
    {
        using var over = new CancellationTokenSource(Patience, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, over.Token);
        try
        {
            using var client = context.Door.OpenIfRunning();
            if (client is null) return ExitCodes.Ok;
            var states = kind == "open" ? TaskFilters.OpenStates : [];
            var (tasks, _) = await TaskFilters.ListAsync(client, new() { States = states, Limit = MostTasks }, either.Token);
            foreach (var (word, about) in Words(kind, tasks).DistinctBy(w => w.Word)) context.Terminal.Line($"{ControlSequences.Escape(word)}\t{ControlSequences.Escape(about)}");
        }
        catch (Exception e) when (e is OutlastProblemException or HostUnreachableException or OperationCanceledException or IOException)
        {
            // Nothing to offer.
        }
        return ExitCodes.Ok;
    }

    private static IEnumerable<(string Word, string About)> Words(string kind, IEnumerable<TaskView> tasks) => kind switch
    {
        "open" or "tasks" => tasks.Select(t => (Rendering.Words.Invariant($"{t.Number}"), $"{t.Name} {Rendering.Words.State(t)}")),
        "labels" => tasks.SelectMany(t => t.Labels?.Keys ?? []).Select(k => (k, "")),
        "sessions" => tasks.Where(t => t.Session is not null).Select(t => (t.Session!, "")),
        _ => [],
    };
}
