using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Outlast.IntegrationTests.Cli;
using Outlast.IntegrationTests.Faults;
using Outlast.Sqlite;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Samples;

/// <summary>The walk through samples/Outlast.Sample.Orders: the program killed in the middle of its orders, and started again.</summary>
[Collection(AloneCollection.Name)]
public sealed partial class OrdersTests
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "Outlast.Sample.Orders");
    private static readonly string[] Customers = ["ann", "bob"];
    private static readonly string[] Items = ["lamp", "chair", "table"];

    /// <summary>What each step of the sample writes into its ledger.</summary>
    private static readonly ImmutableDictionary<string, string> Effects = new Dictionary<string, string>
    {
        ["reserve"] = "reserved",
        ["ship"] = "shipped",
        ["weigh"] = "weighed",
        ["wrap"] = "wrapped",
        ["label"] = "labelled",
    }.ToImmutableDictionary();

    [Fact]
    [Trait("Requirement", "A14")]
    [Trait("Requirement", "U-07")]
    [Trait("Requirement", "V-52")]
    [Trait("Requirement", "V-55")]
    public async Task Killed_in_the_middle_it_goes_on_after_the_last_finished_step_and_each_end_is_told_once()
    {
        await using var folder = new OutlastFolder();
        string[] ids;
        using (var first = Start(folder))
        {
            ids = await Task.WhenAll(Customers.Select(async c => await OrderAsync(await UrlAsync(first), c)));
            // In the middle: parcels are being packed, and the invoices are being printed.
            await Eventually.TrueAsync(() => Customers.All(c => Ledger(folder).Any(l => l.StartsWith(c, StringComparison.Ordinal) && l.EndsWith("weighed", StringComparison.Ordinal))) && InvoicesPrint(folder), "both orders are under way");
            first.Signal("KILL");
            await first.EndAsync();
        }
        var (before, finished) = (Ledger(folder), await FinishedStepsAsync(folder, ids));
        Assert.NotEmpty(finished);
        Assert.DoesNotContain(before, l => l.EndsWith("shipped", StringComparison.Ordinal));
        // The folder stays the program's: no verb puts a host in its place that could not go on with the orders.
        var away = await folder.RunAsync("ps");
        Assert.Equal(3, away.Code);
        Assert.Contains("belongs to Outlast.Sample.Orders: start that program", away.Error, StringComparison.Ordinal);

        using var second = Start(folder);
        var url = await UrlAsync(second);
        Assert.Equal(0, (await folder.RunAsync(["wait", .. ids])).Code);

        var after = Ledger(folder);
        foreach (var effect in finished) Assert.Equal(before.Count(l => l == effect), after.Count(l => l == effect));
        Assert.All(Customers, c => Assert.All(EffectsOf(c), effect => Assert.InRange(after.Count(l => l == effect), 1, 2)));
        foreach (var (customer, id) in Customers.Zip(ids))
        {
            var tasks = Flatten(JsonNode.Parse((await folder.RunAsync("tree", id, "--json")).Output)!).ToList();
            Assert.Equal(2 + Items.Length, tasks.Count);
            Assert.All(tasks, t => Assert.Equal(("completed", 1), ((string)t["state"]!, (int)t["attempt"]!)));
            var invoice = tasks.Single(t => (string)t["kind"]! == "process");
            // Once, whether it was alive when the program came back or had ended by then: with its own exit code and all that it printed.
            Assert.Equal(0, (int)invoice["end"]!["exitCode"]!);
            string[] printed = [.. Enumerable.Range(0, 10).Select(i => $"line {i}"), $"invoice of {customer}-1 printed"];
            Assert.Equal(printed, (await folder.RunAsync("logs", (string)invoice["id"]!)).Lines);
            using var client = new HttpClient();
            var state = JsonNode.Parse(await client.GetStringAsync(new Uri(url, $"/orders/{id}")))!;
            Assert.Equal(("completed", Items.Length), ((string)state["state"]!, state["receipt"]!["parcels"]!.AsArray().Count));

            // One notice for each end, none for anything else, in order; a second look brings the same, and after the acknowledgement there is nothing.
            var told = await InboxAsync(folder, customer);
            Assert.Equal(tasks.Select(t => $"task:{(string)t["id"]!}:ended").Order(), told.Select(n => (string)n["key"]!).Order());
            Assert.All(told, n => Assert.Equal("completed", (string)n["state"]!));
            Assert.Equal(told.Select(n => (long)n["seq"]!).Order().Distinct(), told.Select(n => (long)n["seq"]!));
            Assert.Equal(told.Select(n => (string)n["at"]!).Order(StringComparer.Ordinal), told.Select(n => (string)n["at"]!));
            // The order is over after all that belongs to it.
            Assert.Equal(id, (string)told[^1]["task"]!);
            Assert.Equal(told.Select(n => (string)n["key"]!), (await InboxAsync(folder, customer)).Select(n => (string)n["key"]!));
            Assert.Equal(0, (await folder.RunAsync("inbox", "--session", customer, "--ack")).Code);
            Assert.Empty(await InboxAsync(folder, customer));
        }
        second.Signal("TERM");
        Assert.Equal(0, (await second.EndAsync()).Code);
        Assert.False(File.Exists(folder.Data.HostFile));
    }

    private static RunningProgram Start(OutlastFolder folder) => new(
        [Program, "--urls", "http://127.0.0.1:0", "--DataFolder", folder.Data.Path, "--Ledger", folder.File("ledger")], [("DOTNET_ENVIRONMENT", "Production")]);

    private static async Task<Uri> UrlAsync(RunningProgram program)
    {
        await Eventually.TrueAsync(() => Listening().IsMatch(program.Output) && program.Output.Contains("Application started", StringComparison.Ordinal), "the program serves");
        return new(Listening().Match(program.Output).Groups[1].Value);
    }

    private static async Task<string> OrderAsync(Uri url, string customer)
    {
        using var client = new HttpClient();
        using var taken = await client.PostAsJsonAsync(new Uri(url, "/orders"), new { id = $"{customer}-1", customer, items = Items, pace = 1000 });
        Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
        return (string)JsonNode.Parse(await taken.Content.ReadAsStringAsync())!["id"]!;
    }

    private static string[] Ledger(OutlastFolder folder) => File.Exists(folder.File("ledger")) ? File.ReadAllLines(folder.File("ledger")) : [];

    private static IEnumerable<string> EffectsOf(string customer) =>
        [$"{customer}-1 reserved", .. Items.SelectMany(i => new[] { $"{customer}-1 {i} weighed", $"{customer}-1 {i} wrapped", $"{customer}-1 {i} labelled" }), $"{customer}-1 shipped"];

    private static bool InvoicesPrint(OutlastFolder folder) =>
        Directory.EnumerateFiles(folder.Data.Tasks, "output.log", SearchOption.AllDirectories).Count(f => File.ReadLines(f).Contains("line 1")) == Customers.Length;

    /// <summary>The ledger's lines of the steps that are in the journal: with them nothing may happen any more.</summary>
    private static async Task<List<string>> FinishedStepsAsync(OutlastFolder folder, string[] ids)
    {
        await using var store = new SqliteTaskStore(folder.Data, new(), TimeProvider.System);
        await store.OpenAsync();
        List<string> effects = [];
        foreach (var task in ids.Select(TaskId.Parse))
        {
            foreach (var record in await store.ListAsync(new() { Root = task }))
            {
                var input = record.Spec.Input;
                if (input is not { } given) continue;
                var about = record.Spec.Handler == "fulfil-order" ? given.GetProperty("id").GetString() : $"{given.GetProperty("order").GetString()} {given.GetProperty("item").GetString()}";
                foreach (var step in await store.StepsAsync(record.Id)) if (Effects.TryGetValue(step.Name, out var effect)) effects.Add($"{about} {effect}");
            }
        }
        return effects;
    }

    private static async Task<List<JsonNode>> InboxAsync(OutlastFolder folder, string session) =>
        [.. (await folder.RunAsync("inbox", "--session", session, "--json")).Lines.Select(l => JsonNode.Parse(l)!)];

    private static IEnumerable<JsonNode> Flatten(JsonNode tree) => tree["children"]!.AsArray().SelectMany(c => Flatten(c!)).Prepend(tree["task"]!);

    [GeneratedRegex(@"Now listening on: (http://127\.0\.0\.1:\d+)")]
    private static partial Regex Listening();
}
