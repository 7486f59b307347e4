using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Diagnostics;
using Outlast.TestKit;
using Outlast.Tests.Conventions;
using Outlast.Tests.Runners.Handlers;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Diagnostics;

/// <summary>One vocabulary of measurements and activities, which docs/telemetry.md shows. <c>OUTLAST_ACCEPT_DOCS=1</c> writes its tables anew.</summary>
[Collection(AloneCollection.Name)]
public sealed partial class TelemetryTests
{
    private static readonly string Page = Repository.File("docs", "telemetry.md");

    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task Created_and_ended_carry_the_same_id_and_the_same_kind_and_an_attempt_belongs_to_its_submit()
    {
        using var traced = new Traces();
        await using var host = await SupervisedHost.StartAsync();
        using var request = new Activity("request").Start();
        var (id, attempt) = await host.RunAsync();
        var (child, childAttempt) = await host.RunAsync(parent: id);
        childAttempt.End(0);
        await host.EndOf(child);
        attempt.End(7);
        var record = await host.EndOf(id);

        var of = await traced.OfAsync(id, "outlast.submit", "outlast.attempt");
        var (submit, run) = (of[0], of[1]);
        Assert.Equal((id.ToString(), "process", record.Number.ToString(CultureInfo.InvariantCulture)), (submit.Tag("outlast.task.id"), submit.Tag("outlast.task.kind"), submit.Tag("outlast.task.number")));
        Assert.Equal((id.ToString(), "process"), (run.Tag("outlast.task.id"), run.Tag("outlast.task.kind")));
        Assert.Equal(("failed", "exit", ActivityStatusCode.Error), (run.Tag("outlast.task.state"), run.Tag("outlast.task.cause"), run.Status));
        Assert.Equal((request.TraceId, request.SpanId), (submit.TraceId, submit.ParentSpanId));
        Assert.Equal((request.TraceId, submit.SpanId), (run.TraceId, run.ParentSpanId));
        Assert.Equal(id.ToString(), (await traced.OfAsync(child, "outlast.submit", "outlast.attempt"))[1].Tag("outlast.task.root"));
    }

    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task What_the_next_host_runs_belongs_to_the_submit_that_the_former_one_took()
    {
        using var traced = new Traces();
        var store = new Outlast.Storage.InMemoryTaskStore();
        TaskId id;
        await using (var former = await SupervisedHost.StartAsync(store)) (id, _) = await former.RunAsync();
        var runner = new ScriptedRunner();

        await using var host = await SupervisedHost.StartAsync(store, runner);
        (await runner.AttemptOf(id)).End(0);
        await host.EndOf(id);

        var submit = Assert.Single(await traced.OfAsync(id, "outlast.submit"));
        var attempts = await traced.OfAsync(id, "outlast.attempt", "outlast.attempt");
        Assert.All(attempts, a => Assert.Equal((submit.TraceId, submit.SpanId), (a.TraceId, a.ParentSpanId)));
        Assert.Equal([null, "True"], attempts.Select(a => a.Tag("outlast.task.adopted")));
        Assert.Equal([null, "completed"], attempts.Select(a => a.Tag("outlast.task.state")));
    }

    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task What_a_handler_starts_belongs_to_its_attempt()
    {
        using var traced = new Traces();
        await using var host = await HandlerHost.StartAsync(s => s
            .AddHandler("child", _ => Task.CompletedTask)
            .AddHandler<int, string>("parent", async (_, task) =>
            {
                await Task.Yield();
                return (await task.StartAsync("child", new TaskDefaults().OfHandler("child"))).Id.ToString();
            }));
        var id = await host.SubmitAsync("parent", 0);
        var child = TaskId.Parse((await host.EndOf(id)).End!.Result!.Value.GetString()!);
        await host.EndOf(child);

        var run = Assert.Single(await traced.OfAsync(id, "outlast.attempt"));
        var submit = Assert.Single(await traced.OfAsync(child, "outlast.submit"));
        Assert.Equal((run.TraceId, run.SpanId), (submit.TraceId, submit.ParentSpanId));
    }

    [Fact]
    public async Task Where_nobody_listens_nothing_is_traced_and_no_spec_remembers_anything()
    {
        await using var host = await SupervisedHost.StartAsync();
        using var request = new Activity("request").Start();
        var (id, _) = await host.RunAsync();
        Assert.Null((await host.ReadAsync(id)).Spec.TraceParent);
    }

    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task Tasks_are_counted_and_timed_with_their_kind_state_and_cause()
    {
        await using var host = await SupervisedHost.StartAsync();
        using var measured = new Measurements(host.Meter.Meter);
        var (id, attempt) = await host.RunAsync();
        host.Time.Advance(TimeSpan.FromSeconds(90));
        attempt.End(0);
        await host.EndOf(id);
        var (stopped, _) = await host.RunAsync();
        await host.Client.StopAsync(stopped, new(EndCause.User, SupervisedHost.Somebody));
        await host.EndOf(stopped);
        await host.Gauges.CountAsync(default);
        measured.Observe();

        Assert.Equal(
        [
            "outlast.notice.open 0",
            "outlast.task.duration 0 outlast.task.cause=user outlast.task.kind=process outlast.task.state=stopped",
            "outlast.task.duration 90 outlast.task.cause=exit outlast.task.kind=process outlast.task.state=completed",
            "outlast.task.ended 1 outlast.task.cause=exit outlast.task.kind=process outlast.task.state=completed",
            "outlast.task.ended 1 outlast.task.cause=user outlast.task.kind=process outlast.task.state=stopped",
            "outlast.task.open 0 outlast.task.state=queued",
            "outlast.task.open 0 outlast.task.state=running",
            "outlast.task.open 0 outlast.task.state=stopping",
            "outlast.task.open 0 outlast.task.state=waiting",
            "outlast.task.queue.duration 0 outlast.task.kind=process",
            "outlast.task.queue.duration 0 outlast.task.kind=process",
            "outlast.task.started 1 outlast.task.kind=process",
            "outlast.task.started 1 outlast.task.kind=process",
            "outlast.task.stop.duration 0 outlast.task.cause=user outlast.task.kind=process outlast.task.state=stopped",
            "outlast.task.submitted 1 outlast.task.kind=process",
            "outlast.task.submitted 1 outlast.task.kind=process",
        ], measured.All.Order(StringComparer.Ordinal));
    }

    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task The_page_has_every_instrument_and_every_name_of_this_version()
    {
        await using var host = await SupervisedHost.StartAsync();
        using var measured = new Measurements(host.Meter.Meter);
        var page = File.ReadAllText(Page);
        var said = string.Join('\n',
        [
            "| Instrument | Kind | Unit | Measures |", "|---|---|---|---|",
            .. measured.Instruments.OrderBy(i => i.Name, StringComparer.Ordinal).Select(i => $"| `{i.Name}` | {Kind(i)} | `{i.Unit}` | {i.Description} |"),
        ]);
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_DOCS") == "1") File.WriteAllText(Page, page = Block().Replace(page, _ => said));

        Assert.Equal(said, Block().Match(page).Value);
        Assert.Contains($"version **{TelemetryNames.Version}**", page, StringComparison.Ordinal);
        Assert.Equal((TelemetryNames.Source, TelemetryNames.Version), (host.Meter.Meter.Name, host.Meter.Meter.Version));
        Assert.All(typeof(TelemetryNames).GetFields().Select(f => (string)f.GetRawConstantValue()!).Where(n => n.StartsWith("outlast.", StringComparison.Ordinal)), name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
        // A duration says its unit where every tool looks for it.
        Assert.All(measured.Instruments.Where(i => i.Name.EndsWith(".duration", StringComparison.Ordinal)), i => Assert.Equal("s", i.Unit));
    }

    private static string Kind(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch { "Counter" => "counter", "Histogram" => "histogram", "ObservableGauge" => "gauge", var other => other };

    [GeneratedRegex("(?<=<!-- instruments -->\n).*?(?=\n<!-- /instruments -->)", RegexOptions.Singleline)]
    private static partial Regex Block();

    /// <summary>What ends of the source's activities.</summary>
    private sealed class Traces : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ActivityListener _listener;

        public Traces()
        {
            _listener = new()
            {
                ShouldListenTo = source => source.Name == "Outlast",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = _ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        /// <summary>A task's, in the order in which they began, once there are those.</summary>
        public async Task<Activity[]> OfAsync(TaskId id, params string[] names)
        {
            Activity[] found = [];
            await Eventually.TrueAsync(() => (found = [.. _ended.Where(a => a.Tag("outlast.task.id") == id.ToString() && names.Contains(a.OperationName)).OrderBy(a => a.StartTimeUtc)]).Length == names.Length, string.Join(", ", names));
            return found;
        }

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>What one host's meter measures.</summary>
    private sealed class Measurements : IDisposable
    {
        private readonly MeterListener _listener = new();

        public Measurements(Meter meter)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (!ReferenceEquals(instrument.Meter, meter)) return;
                Instruments.Add(instrument);
                listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
            _listener.Start();
        }

        public List<Instrument> Instruments { get; } = [];

        public ConcurrentQueue<string> All { get; } = new();

        public void Observe() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();

        private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            All.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{instrument.Name} {value}{string.Concat(tags.ToArray().OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $" {t.Key}={t.Value}"))}"));
    }
}

internal static class ActivityTags
{
    public static string? Tag(this Activity activity, string name) => activity.GetTagItem(name)?.ToString();
}
