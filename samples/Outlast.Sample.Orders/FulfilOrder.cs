using System.Collections.Immutable;
using System.Globalization;
using Outlast.Runners.Handlers;

namespace Outlast.Sample.Orders;

/// <summary>Fulfils an order: reserves, has a parcel packed for each item and the invoice printed by a command, ships.</summary>
/// <remarks>Each step happens once, whatever happens to the program: what has finished is read from the journal by the next one, and children go by their names.</remarks>
internal sealed class FulfilOrder(Ledger ledger) : ITaskHandler<Order, Receipt>
{
    // What a customer sent is an argument, never a part of a script.
    private const string PrintInvoice = "i=0; while [ $i -lt 10 ]; do echo line $i; i=$((i+1)); sleep \"$2\"; done; printf 'invoice of %s printed\\n' \"$1\"";

    public async Task<Receipt> RunAsync(Order order, TaskContext task)
    {
        await task.StepAsync("reserve", stop => ledger.WorkAsync($"{order.Id} reserved", order.Pace, stop));

        var parcels = new List<ChildTask>();
        foreach (var item in order.Items) parcels.Add(await task.StartHandlerAsync($"pack {item}", "pack-parcel", new Parcel(order.Id, item, order.Pace), Named($"pack {item}")));
        var invoice = await task.StartProcessAsync("print invoice", ["/bin/sh", "-c", PrintInvoice, "invoice", order.Id, (order.Pace / 1000.0).ToString("0.000", CultureInfo.InvariantCulture)], Named("print invoice"));

        await task.WaitAllAsync([.. parcels.Select(p => p.Id), invoice.Id]);
        var labels = await Task.WhenAll(parcels.Select(p => p.ResultAsync<Label>()));
        var printed = await invoice.WaitAsync();

        await task.StepAsync("ship", stop => ledger.WorkAsync($"{order.Id} shipped", order.Pace, stop));
        return new(order.Id, [.. labels], printed.End?.Exit?.Code ?? -1);

        // Told to the customer as well.
        Func<TaskSpec, TaskSpec> Named(string name) => spec => spec with { Name = name, Session = order.Customer };
    }
}
