using System.Globalization;
using Outlast.Benchmarks;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

if (args is ["nothing"]) return 0; // What it costs to start a .NET program at all: w6c starts this one.
if (args is [HandlerProgram.Argument, var handlersFolder, var handlers]) return await HandlerProgram.RunAsync(handlersFolder, int.Parse(handlers, CultureInfo.InvariantCulture)); // What w8b kills.

CommandLine line;
try
{
    if (args is ["report", .. var files])
    {
        Console.WriteLine(Summary.Of(files.SelectMany(File.ReadLines)));
        return 0;
    }
    line = CommandLine.Parse(args, Catalogue.All);
}
catch (Exception e) when (e is FormatException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

if (line.Scenarios.Count == 0)
{
    Console.WriteLine(Catalogue.Describe());
    return 0;
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    // What was started is ended and removed first.
    pressed.Cancel = true;
    interrupted.Cancel();
};

await using var session = new Session(line.Sizes, new Report(Console.Out, Environment.GetEnvironmentVariable));
var failures = 0;
foreach (var scenario in line.Scenarios)
{
    if (!await session.RunAsync(scenario, interrupted.Token)) failures++;
    if (interrupted.IsCancellationRequested) return 130;
}
return failures == 0 ? 0 : 1;
