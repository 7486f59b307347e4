using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Outlast.Sqlite;

namespace Outlast.FaultWorker;

/// <summary>A program with a host of its own within: handlers that grow trees, commands, the socket. It may have an instant at which it dies, as <see cref="ServeMode"/> has.</summary>
internal static class AppMode
{
    public static int Run(string[] args)
    {
        if (ServeMode.Read(args).Point is { } point) DiagnosticListener.AllListeners.Subscribe(new CrashPointListener(point));
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Information);
        builder.Services.AddOutlast()
            .UseSqlite(DataFolder.Of(Environment.GetEnvironmentVariable).Path)
            .AddProcesses()
            .AddHandler<Plant, long>("grow", Grower.GrowAsync)
            .AddSocket();
        builder.Build().Run();
        return 0;
    }
}
