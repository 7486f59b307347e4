using System.Text.Json;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>Tells whoever looks into a data folder where its host is. Written when the host answers, and not before; removed by the holder of the folder's lock alone.</summary>
public static class HostFileWriter
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes <c>host.json</c>: nobody ever reads half of it.</summary>
    public static void Write(DataFolder folder, HostFile file)
    {
        var next = folder.HostFile + ".next";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using (var written = new FileStream(next, options)) JsonSerializer.Serialize(written, file, OutlastJson.Wire.HostFile);
        File.Move(next, folder.HostFile, overwrite: true);
    }

    /// <summary>The file of a host that answers.</summary>
    /// <param name="facts">What the host says of itself.</param>
    /// <param name="socket">Where it answers.</param>
    public static HostFile Of(HostFacts facts, string socket) => new()
    {
        Pid = Environment.ProcessId,
        BootId = facts.BootId,
        Epoch = facts.Epoch,
        StartedAt = facts.StartedAt,
        Version = facts.Version,
        Socket = socket,
        DataFolder = facts.DataFolder,
    };
}
