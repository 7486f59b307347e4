using Outlast.Cli.Calling;
using Outlast.Runners.Processes;

namespace Outlast.Cli.Serving;

/// <summary>This very program as a child: what a person would type, with a data folder of its own, and what it said.</summary>
internal sealed class OwnProgram(Caller caller, TimeProvider time, string folder, string data)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private int _calls;

    /// <summary>Runs it to its end. A call that is cancelled is ended.</summary>
    public async Task<OwnProgramEnd> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var (said, complained) = (Path.Combine(folder, $"{++_calls}.out"), Path.Combine(folder, $"{_calls}.err"));
        var (output, error) = (LibC.Create(said, LibC.O_WRONLY), LibC.Create(complained, LibC.O_WRONLY));
        if (output < 0 || error < 0) throw new IOException($"cannot write to '{folder}'");
        int child;
        try
        {
            string[] whole = [.. HostStarter.ProgramArguments(), .. arguments];
            child = Spawner.Start(new() { Program = whole[0], Arguments = whole, Environment = [.. Environment()], Folder = folder, Descriptors = [(output, 1), (error, 2)] });
        }
        finally
        {
            LibC.Close(output);
            LibC.Close(error);
        }
        int? code;
        try
        {
            while ((code = LibC.ExitCodeOf(child)) is null) await Task.Delay(Pause, time, cancel);
        }
        catch (OperationCanceledException)
        {
            LibC.Bury(child);
            throw;
        }
        return new(code.Value, await File.ReadAllTextAsync(said, cancel), await File.ReadAllTextAsync(complained, cancel));
    }

    /// <summary>Temporary files go into the folder too: one that is killed leaves some, and they go with it.</summary>
    private IEnumerable<string> Environment() =>
        caller.Environment.Where(v => !v.Key.StartsWith("OUTLAST_", StringComparison.Ordinal) && v.Key != "TMPDIR").Select(v => $"{v.Key}={v.Value}").Append($"OUTLAST_DATA={data}").Append($"TMPDIR={folder}");
}

/// <summary>How a call of this program ended.</summary>
internal sealed record OwnProgramEnd(int Code, string Output, string Error);
