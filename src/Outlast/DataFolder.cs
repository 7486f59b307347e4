namespace Outlast;

/// <summary>The one folder that a host owns: mode 0700, its files 0600.</summary>
/// <param name="Path">Absolute.</param>
public sealed record DataFolder(string Path)
{
    /// <summary>The store.</summary>
    public string Database => At("outlast.db");
    /// <summary>Settings that somebody wrote.</summary>
    public string Settings => At("outlast.json");
    /// <summary>Held by the host with an exclusive <c>flock</c> as long as it lives.</summary>
    public string HostLock => At("host.lock");
    /// <summary>Facts of the running host; written last, by rename.</summary>
    public string HostFile => At("host.json");
    /// <summary>The socket, where the path is short enough for one; <see cref="HostFile"/> names the real one.</summary>
    public string HostSocket => At("host.sock");
    /// <summary>What a caller over TCP must show.</summary>
    public string Token => At("token");
    /// <summary>The host's own logs.</summary>
    public string Logs => At("logs");
    /// <summary>What could not be read.</summary>
    public string Quarantine => At("quarantine");
    /// <summary>The folders of all tasks.</summary>
    public string Tasks => At("tasks");

    /// <summary>The folder of one task.</summary>
    public string Task(TaskId id) => System.IO.Path.Combine(Tasks, id.ToString());

    /// <summary>The folder of one attempt.</summary>
    public string Attempt(TaskId id, int attempt) => System.IO.Path.Combine(Task(id), attempt.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>The folder that an environment names: <c>OUTLAST_DATA</c>, else <c>XDG_STATE_HOME/outlast</c>, else <c>~/.local/state/outlast</c>.</summary>
    public static DataFolder Of(Func<string, string?> environment)
    {
        if (environment("OUTLAST_DATA") is { Length: > 0 } data) return new(System.IO.Path.GetFullPath(data));
        if (environment("XDG_STATE_HOME") is { Length: > 0 } state) return new(System.IO.Path.Combine(System.IO.Path.GetFullPath(state), "outlast"));
        var home = environment("HOME") is { Length: > 0 } h ? h : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return new(System.IO.Path.Combine(home, ".local", "state", "outlast"));
    }

    private string At(string name) => System.IO.Path.Combine(Path, name);
}
