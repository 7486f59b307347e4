using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Outlast.AspNetCore;
using Outlast.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Lets clients reach a host that is part of another program.</summary>
public static class OutlastSocketExtensions
{
    /// <summary>Answers at the socket of the host's data folder, for its owner alone: <c>OUTLAST_DATA=folder outlast ps</c> works as with a host of its own.</summary>
    /// <remarks>Beside whatever else the program serves. Only the program itself can be asked to go: <c>outlast shutdown</c> and <c>restart</c> are refused.</remarks>
    /// <param name="builder">A host with a data folder (<c>UseSqlite(folder)</c>).</param>
    public static OutlastBuilder AddSocket(this OutlastBuilder builder)
    {
        builder.Services.TryAddSingleton<SocketMark>();
        builder.Services.TryAddSingleton(HostEnvironment.Capture());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, SocketServer>());
        return builder;
    }
}
