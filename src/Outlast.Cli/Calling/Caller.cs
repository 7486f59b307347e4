using System.Collections;
using System.Globalization;

namespace Outlast.Cli.Calling;

/// <summary>What a task shall have in common with the shell that asks for it: environment, folder, file mode mask, limit of open files.</summary>
internal sealed class Caller
{
    /// <summary>How the <c>outlast</c> script tells what only it can see; a line each: limit of open files, names that the caller did not have, how it was called.</summary>
    public const string ScriptVariable = "OUTLAST_SCRIPT";
    /// <summary>How a host tells the program that follows it in its process what it leaves.</summary>
    public const string HandoverVariable = "OUTLAST_HANDOVER";
    /// <summary>The session of the caller: that of the tasks that it starts, and of the inbox that it reads, unless it says otherwise.</summary>
    public const string SessionVariable = "OUTLAST_SESSION";
    public const string TaskVariable = "OUTLAST_TASK_ID";

    private readonly Dictionary<string, string> _all = [];
    private readonly string[] _script;

    public Caller(IDictionary variables, string folder)
    {
        foreach (DictionaryEntry variable in variables) _all[(string)variable.Key] = (string?)variable.Value ?? "";
        _script = _all.GetValueOrDefault(ScriptVariable, "").Split('\n');
        Folder = folder;
        string[] added = _script.Length > 1 ? _script[1].Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];
        var own = new Dictionary<string, string>();
        foreach (var (name, value) in _all)
            if (!IsPrivate(name) && !added.Contains(name)) own[name] = value;
        Environment = own;
    }

    /// <summary>This process's own caller.</summary>
    public static Caller Current { get; } = new(System.Environment.GetEnvironmentVariables(), System.Environment.CurrentDirectory);

    /// <summary>Without what marks a task and what is only between the script and us.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    public string Folder { get; }

    /// <summary>The task inside which the caller runs.</summary>
    public string? Task => Variable(TaskVariable);

    /// <summary>How a person would type this program's name here.</summary>
    public string Program => _script.Length > 2 && _script[2].Length > 0 ? NameToType(_script[2], Variable("PATH") ?? "") : "outlast";

    /// <summary>The script of a clone by which this program was called: it builds what has changed, and stays where it is. None: the program was called itself.</summary>
    public string? Script => _script.Length > 2 && _script[2].Length > 0 ? Path.GetFullPath(_script[2], Folder) : null;

    /// <summary>The soft limit of open files before .NET raised it; none where it is unlimited or unknown.</summary>
    public long? OpenFiles => ParseLimit(_script[0].Length > 0 ? _script[0] : SoftLimitOf(Field("/proc/self/status", "PPid:")));

    /// <summary>In octal.</summary>
    public static string? Umask => Field("/proc/self/status", "Umask:");

    public string? Variable(string name) => _all.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>Whether the caller had this signal ignored, as <c>nohup</c> and background jobs do.</summary>
    public static bool Ignores(int signal) =>
        ulong.TryParse(Field("/proc/self/status", "SigIgn:"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var mask) && (mask >> (signal - 1) & 1) == 1;

    /// <summary>Whether both descriptors lead to the same file, pipe or terminal.</summary>
    public static bool SameTarget(int one, int other) => Target(one) is { } target && target == Target(other);

    public static bool IsPrivate(string variable) =>
        variable is ScriptVariable or HandoverVariable or TaskVariable or "OUTLAST_ATTEMPT" || variable.StartsWith("OUTLAST_ENV_", StringComparison.Ordinal);

    public static string? Field(string file, string name)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? SoftLimitOf(string? pid) => pid is null ? null : Field($"/proc/{pid}/limits", "Max open files")?.Split(' ')[0];

    private static long? ParseLimit(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;

    private static string? Target(int descriptor) => File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", returnFinalTarget: false)?.FullName;

    private static string NameToType(string called, string path)
    {
        var name = Path.GetFileName(called);
        var found = path.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        return found == called ? name : called.Contains('/') ? called : "./" + called;
    }
}
