using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

/// <summary>A supervised host that runs handlers.</summary>
internal static class HandlerHost
{
    public static Task<SupervisedHost> StartAsync(Action<OutlastBuilder> handlers, ITaskStore? store = null, ManualTime? time = null, ScratchFolder? folder = null, params (string Key, string Value)[] settings) =>
        SupervisedHost.StartAsync(store, time: time, folder: folder is null ? null : new(folder.Path), handlers: handlers, settings: settings);

    public static async Task<TaskId> SubmitAsync(this SupervisedHost host, string handler) => (await host.SubmitAsync(new TaskDefaults().OfHandler(handler))).Record.Id;

    public static Task<TaskId> SubmitAsync<T>(this SupervisedHost host, string handler, T input) => host.SubmitAsync(handler, input, spec => spec);

    public static async Task<TaskId> SubmitAsync<T>(this SupervisedHost host, string handler, T input, Func<TaskSpec, TaskSpec> adjust) =>
        (await host.SubmitAsync(adjust(new TaskDefaults().OfHandler(handler, JsonSerializer.SerializeToElement(input, JsonSerializerOptions.Web))))).Record.Id;
}
