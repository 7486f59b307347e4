using Outlast.Runners.Handlers;

namespace Outlast.Sample.Orders;

/// <summary>Packs a parcel: weighs it, wraps it, labels it.</summary>
internal sealed class PackParcel(Ledger ledger) : ITaskHandler<Parcel, Label>
{
    public async Task<Label> RunAsync(Parcel parcel, TaskContext task)
    {
        task.Progress(0, 3, "steps");
        var grams = await task.StepAsync("weigh", async stop =>
        {
            await ledger.WorkAsync($"{parcel.Order} {parcel.Item} weighed", parcel.Pace, stop);
            return 100 * parcel.Item.Length;
        });
        task.Progress(1, 3, "steps");
        await task.StepAsync("wrap", stop => ledger.WorkAsync($"{parcel.Order} {parcel.Item} wrapped", parcel.Pace, stop));
        task.Progress(2, 3, "steps");
        task.Output.WriteLine($"{parcel.Item}: {grams} g");
        return await task.StepAsync("label", async stop =>
        {
            await ledger.WorkAsync($"{parcel.Order} {parcel.Item} labelled", parcel.Pace, stop);
            return new Label(parcel.Item, grams);
        });
    }
}
