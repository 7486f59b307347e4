using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>A data folder of a test's own, and the real program to work with it. What still runs at the end is ended, the host too.</summary>
internal sealed class OutlastFolder : IAsyncDisposable
{
    public static readonly string Program = Path.Combine(AppContext.BaseDirectory, "Outlast.Cli");
    private readonly ScratchFolder _scratch = new();

    public OutlastFolder(params (string Name, string Value)[] environment)
    {
        Data = new(_scratch.File("data"));
        Environment = environment;
    }

    public DataFolder Data { get; }

    public (string Name, string Value)[] Environment { get; }

    public string File(string name) => _scratch.File(name);

    /// <summary>The host that host.json names.</summary>
    public int HostPid => (int)JsonNode.Parse(System.IO.File.ReadAllText(Data.HostFile))!["pid"]!;

    /// <summary>Runs the program to its end.</summary>
    public async Task<Finished> RunAsync(params string[] arguments)
    {
        using var process = Start([Program, .. arguments]);
        return await process.EndAsync();
    }

    /// <summary>Runs a command line of a shell in which <c>outlast</c> is the program.</summary>
    public async Task<Finished> ShellAsync(string script, string? input = null)
    {
        using var process = Start(["/bin/sh", "-c", $"outlast() {{ '{Program}' \"$@\"; }}\n{script}"]);
        if (input is not null) await process.WriteAsync(input);
        return await process.EndAsync();
    }

    /// <summary>Runs a command line on a terminal of so many columns; what it shows is its standard output.</summary>
    public Task<Finished> TerminalAsync(int columns, string script) =>
        ShellAsync($"export TERM=xterm; script -qec \"stty cols {columns}; {script.Replace("outlast", Program, StringComparison.Ordinal)}\" /dev/null");

    public RunningProgram Start(params string[] command) => new(command, [("OUTLAST_DATA", Data.Path), .. Environment]);

    /// <summary>The task as <c>show --json</c> tells it.</summary>
    public async Task<JsonNode> ShowAsync(string name)
    {
        var shown = await RunAsync("show", name, "--json");
        return JsonNode.Parse(shown.Output) ?? throw new InvalidDataException(shown.Error);
    }

    /// <summary>Hosts and tasks are ended without a word: asking for it would take four programs more for each test.</summary>
    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>What a program left.</summary>
internal sealed record Finished(int Code, string Output, string Error)
{
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>A program of a test's, with default signals whatever the test was started with.</summary>
internal sealed class RunningProgram : IDisposable
{
    // A build on a machine that does other things as well.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task _reading;
    private readonly Task<string> _error;

    public RunningProgram(string[] command, IEnumerable<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT,HUP,QUIT,TERM,PIPE", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var inherited in start.Environment.Keys.Where(k => k.StartsWith("OUTLAST_", StringComparison.Ordinal) || k is "NO_COLOR" or "COLUMNS").ToArray()) start.Environment.Remove(inherited);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        _process = Process.Start(start)!;
        _reading = ReadAsync(_process.StandardOutput);
        _error = _process.StandardError.ReadToEndAsync();
    }

    public int Pid => _process.Id;

    public bool HasEnded => _process.HasExited;

    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    public Task SeeAsync(string text) => Eventually.TrueAsync(() => Output.Contains(text, StringComparison.Ordinal), $"the program prints '{text}'");

    /// <summary>Presses keys: what is read on the other side goes on.</summary>
    public async Task TypeAsync(string keys)
    {
        await _process.StandardInput.WriteAsync(keys);
        await _process.StandardInput.FlushAsync();
    }

    public async Task WriteAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        _process.StandardInput.Close();
    }

    public void Signal(string name) => Signal(Pid, name);

    public static void Signal(int pid, string name)
    {
        using var kill = Process.Start("/bin/kill", ["-" + name, pid.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end of the program and of everything that holds its output.</summary>
    public async Task<Finished> EndAsync()
    {
        await Eventually.TrueAsync(() => _process.HasExited, "the program ends", Patience);
        await _process.WaitForExitAsync().Soon("the program's streams end");
        await _reading.Soon("its output ends");
        return new(_process.ExitCode, Output, await _error.Soon("its standard error ends"));
    }

    public void Dispose()
    {
        // What a failed test leaves must not go on without its folder: a build, say.
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private async Task ReadAsync(StreamReader reader)
    {
        var buffer = new char[4096];
        int count;
        while ((count = await reader.ReadAsync(buffer)) > 0)
            lock (_output) _output.Append(buffer, 0, count);
    }
}
