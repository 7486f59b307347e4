using System.Globalization;
using System.Net;
using System.Text;
using Outlast.Cli.Rendering;
using Outlast.Cli.Verbs;

namespace Outlast.Cli.Serving;

/// <summary>The host as a service of systemd: a unit whose stop leaves the tasks alone.</summary>
internal static class ServiceUnit
{
    private const string FileName = "outlast.service";

    /// <summary>Writes the unit and says what to do next, which only its reader may decide.</summary>
    /// <exception cref="CommandException">Another unit is there.</exception>
    public static int Install(CommandContext context, IPEndPoint? listen, bool forSystem, bool printOnly, bool force)
    {
        var folder = DataFolder.Of(context.Caller.Variable);
        IEnumerable<string> program = context.Caller.Script is { } script ? [script] : HostStarter.ProgramArguments();
        var text = Compose(folder, [.. program, ServeVerb.Name, .. listen is null ? Array.Empty<string>() : [ServeVerb.ListenOption, listen.ToString()]], forSystem ? LibC.UserId : null);
        if (printOnly)
        {
            context.Terminal.Write(Encoding.UTF8.GetBytes(text));
            return ExitCodes.Ok;
        }
        var file = PathOf(context.Caller.Variable, forSystem);
        Write(file, text, force);
        context.Terminal.Say($"{file} is written. What follows is yours to do:");
        foreach (var next in Next(context, forSystem)) context.Terminal.Line(next);
        return ExitCodes.Ok;
    }

    /// <summary>The unit's text.</summary>
    /// <param name="folder">The data folder.</param>
    /// <param name="serve">The argument list that starts the host.</param>
    /// <param name="user">Whose host it is, where the system's manager starts it.</param>
    public static string Compose(DataFolder folder, IReadOnlyList<string> serve, uint? user) =>
        $"""
        [Unit]
        Description=Outlast: background work that outlasts its host

        [Service]
        Type=exec
        {(user is { } uid ? string.Create(CultureInfo.InvariantCulture, $"User={uid}\n") : "")}Environment={Quote($"OUTLAST_DATA={folder.Path}")}
        ExecStart={string.Join(' ', serve.Select(word => Quote(word).Replace("$", "$$", StringComparison.Ordinal)))}
        # A stop or restart of the service is one of the host alone: commands go on, and the next host takes them over.
        KillMode=process
        # A command that is killed for its hunger for memory is no fault of the service.
        OOMPolicy=continue
        # The host may order its commands into groups of their own.
        Delegate=yes
        Restart=on-failure
        RestartSec=1s
        # However many commands run, systemd shall not count them against the service.
        TasksMax=infinity

        [Install]
        WantedBy={(user is null ? "default.target" : "multi-user.target")}

        """;

    private static string PathOf(Func<string, string?> variable, bool forSystem) =>
        forSystem ? $"/etc/systemd/system/{FileName}"
        : variable("XDG_CONFIG_HOME") is { } config ? Path.Combine(Path.GetFullPath(config), "systemd/user", FileName)
        : Path.Combine(variable("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config/systemd/user", FileName);

    private static void Write(string file, string text, bool force)
    {
        try
        {
            if (File.Exists(file) && !force && File.ReadAllText(file) != text) throw new CommandException($"'{file}' is there and says something else. To replace it: --force; to see what would be written: --print", ExitCodes.Conflict);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"'{file}' cannot be written: {e.Message}", ExitCodes.Refused);
        }
    }

    private static IEnumerable<string> Next(CommandContext context, bool forSystem) =>
    [
        // One folder has one host: the one that runs now would keep the service's away.
        context.Command("shutdown"),
        forSystem ? "systemctl daemon-reload" : "systemctl --user daemon-reload",
        $"systemctl {(forSystem ? "" : "--user ")}enable --now outlast",
        .. forSystem ? Array.Empty<string>() : ["loginctl enable-linger"],
    ];

    /// <summary>As systemd reads it: in quotes where needed, its own signs doubled.</summary>
    private static string Quote(string word)
    {
        var escaped = word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal);
        return word.Any(c => char.IsWhiteSpace(c) || c is '"' or '\'' or ';') ? $"\"{escaped}\"" : escaped;
    }
}
