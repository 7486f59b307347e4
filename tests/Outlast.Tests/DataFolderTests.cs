namespace Outlast.Tests;

public sealed class DataFolderTests
{
    [Fact]
    public void The_environment_names_the_folder()
    {
        var set = new Dictionary<string, string> { ["OUTLAST_DATA"] = "/srv/o", ["XDG_STATE_HOME"] = "/state", ["HOME"] = "/home/u" };
        Assert.Equal("/srv/o", DataFolder.Of(set.GetValueOrDefault).Path);
        set["OUTLAST_DATA"] = "";
        Assert.Equal("/state/outlast", DataFolder.Of(set.GetValueOrDefault).Path);
        set.Remove("XDG_STATE_HOME");
        Assert.Equal("/home/u/.local/state/outlast", DataFolder.Of(set.GetValueOrDefault).Path);
        set.Remove("HOME");
        Assert.EndsWith("/.local/state/outlast", DataFolder.Of(set.GetValueOrDefault).Path, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_absolute_whatever_was_written() =>
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "o"), DataFolder.Of(name => name == "OUTLAST_DATA" ? "./x/../o" : null).Path);

    [Fact]
    public void Everything_lies_in_it()
    {
        var (folder, id) = (new DataFolder("/srv/o"), TaskId.Parse("01k9zq2m9xe4q1dz5w3h7t8v0a"));
        Assert.Equal("/srv/o/tasks/01k9zq2m9xe4q1dz5w3h7t8v0a", folder.Task(id));
        Assert.Equal("/srv/o/tasks/01k9zq2m9xe4q1dz5w3h7t8v0a/12", folder.Attempt(id, 12));
        string[] files = [folder.Database, folder.Settings, folder.HostLock, folder.HostFile, folder.HostSocket, folder.Token, folder.Logs, folder.Quarantine, folder.Tasks];
        Assert.Equal(["outlast.db", "outlast.json", "host.lock", "host.json", "host.sock", "token", "logs", "quarantine", "tasks"], files.Select(f => Path.GetRelativePath("/srv/o", f)));
    }
}
