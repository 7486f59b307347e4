using System.Globalization;

namespace Outlast.Runners.Processes;

/// <summary>The environment of a task's command, and how it gets past the wrapper's shell unharmed.</summary>
/// <remarks>
/// A shell drops names that are no identifiers, keeps some names for itself, and obeys others. Such a variable travels as <c>OUTLAST_ENV_n='NAME=VALUE'</c> (or the value alone) and is put back just before the command
/// is executed. No value ever appears in an argument list, where every user of the machine could read it.
/// </remarks>
/// <param name="Variables">What the wrapper gets, as <c>NAME=VALUE</c>.</param>
/// <param name="Restore">Shell lines that put the command's own variables back.</param>
/// <param name="Prefix">What stands before the program when some names are no identifiers; empty otherwise.</param>
internal sealed record TaskEnvironment(IReadOnlyList<string> Variables, string Restore, string Prefix)
{
    public const string TaskId = "OUTLAST_TASK_ID", Attempt = "OUTLAST_ATTEMPT", DataFolder = "OUTLAST_DATA", ParentId = "OUTLAST_PARENT_ID";

    /// <summary>What a process that serves a task without being part of it carries.</summary>
    public const string KeeperOf = "OUTLAST_KEEPER_OF";

    private const string TravelPrefix = "OUTLAST_ENV_";

    public static TaskEnvironment Of(AttemptContext attempt, string dataFolder)
    {
        var spec = attempt.Spec.Process!;
        List<string> variables =
        [
            $"{TaskId}={attempt.Task}",
            $"{Attempt}={attempt.Attempt.ToString(CultureInfo.InvariantCulture)}",
            $"{DataFolder}={dataFolder}",
        ];
        if (attempt.Parent is { } parent) variables.Add($"{ParentId}={parent}");
        var restore = new List<string>();
        var unset = new List<string>();
        var assign = new List<string>();
        foreach (var (name, value) in spec.Environment)
        {
            if (name is TaskId or Attempt or DataFolder or ParentId or KeeperOf || name.StartsWith(TravelPrefix, StringComparison.Ordinal)) continue;
            var passage = PassageOf(name, value, spec.Cwd);
            var travel = TravelPrefix + (restore.Count + assign.Count).ToString(CultureInfo.InvariantCulture);
            switch (passage)
            {
                case Passage.Direct:
                    variables.Add($"{name}={value}");
                    break;
                case Passage.Restored:
                    variables.Add($"{travel}={value}");
                    restore.Add($"{name}=${travel}; export {name}; unset {travel}");
                    break;
                case Passage.Assigned:
                    variables.Add($"{travel}={name}={value}");
                    unset.Add("-u " + travel);
                    assign.Add("${" + travel + "}");
                    break;
            }
        }
        // A shell exports its own idea of PWD even where the caller had none.
        if (!spec.Environment.ContainsKey("PWD")) restore.Insert(0, "unset PWD");
        var prefix = assign.Count == 0 ? "" : $"/usr/bin/env -S '{string.Join(' ', unset)} -- {string.Join(' ', assign)}' ";
        return new TaskEnvironment(variables, string.Join("; ", restore), prefix);
    }

    private enum Passage
    {
        /// <summary>The shell leaves it alone.</summary>
        Direct,
        /// <summary>The shell sets or obeys it: its value comes back by assignment.</summary>
        Restored,
        /// <summary>The shell cannot name it, or does not accept every value: <c>env</c> sets it.</summary>
        Assigned,
    }

    private static Passage PassageOf(string name, string value, string folder) => name switch
    {
        "PWD" => value == folder ? Passage.Direct : Passage.Restored,
        "IFS" or "PPID" or "ENV" or "GLIBC_TUNABLES" => Passage.Restored,
        "OPTIND" or "LINENO" => Passage.Assigned,
        _ when !IsIdentifier(name) || name.StartsWith(WrapperScript.OwnNames, StringComparison.Ordinal) => Passage.Assigned,
        // They must not change, or break, the wrapper itself.
        _ when name.StartsWith("LD_", StringComparison.Ordinal) => Passage.Restored,
        _ => Passage.Direct,
    };

    private static bool IsIdentifier(string name)
    {
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_') return false;
        }
        return name.Length > 0 && !char.IsAsciiDigit(name[0]);
    }
}
