using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Hosting;

namespace Outlast.Tests.Hosting;

/// <summary>Settings that a program gives the host that is part of it.</summary>
public sealed class ProgramSettingsTests
{
    [Fact]
    [Trait("Requirement", "B11")]
    public void The_environment_wins_over_the_file_which_wins_over_the_program_which_wins_over_the_default()
    {
        var given = new OutlastOptions().Set("process.idleTimeout", TimeSpan.FromMinutes(1)).Set("process.timeout", "1h").Set("concurrency.processes", 3).Set("watchdog.poll", "7s");

        var settings = OutlastSettings.Load("""{ "process": { "idleTimeout": "2m", "timeout": "2h" } }""", name => name == "OUTLAST_PROCESS_IDLE_TIMEOUT" ? "3m" : null, given);

        Assert.Equal(
            (TimeSpan.FromMinutes(3), TimeSpan.FromHours(2), 3, TimeSpan.FromSeconds(7)),
            (settings.Defaults.ProcessIdleTimeout, settings.Defaults.ProcessTimeout, settings.Dispatcher.Processes, settings.Watchdog.Poll));
        Assert.Equal(
            ["OUTLAST_PROCESS_IDLE_TIMEOUT", "outlast.json", "code", "default"],
            ((string[])["process.idleTimeout", "process.timeout", "concurrency.processes", "retention.every"]).Select(key => settings.All.Single(s => s.Key == key).From));
    }

    [Fact]
    public void A_section_is_read_whatever_the_case_of_its_keys_and_code_wins_over_it()
    {
        var settings = Resolve(s => s.AddOutlast(Section(("Outlast:Process:IdleTimeout", "2m"), ("Outlast:concurrency:PROCESSES", "5")), o => o.Set("concurrency.processes", 6)));

        Assert.Equal((TimeSpan.FromMinutes(2), 6), (settings.Defaults.ProcessIdleTimeout, settings.Dispatcher.Processes));
        Assert.Equal("Outlast:Process:IdleTimeout", settings.All.Single(s => s.Key == "process.idleTimeout").From);
    }

    [Fact]
    public void Two_that_quarrel_are_named_with_where_each_was_given()
    {
        var refused = Assert.Throws<SettingsException>(() => Resolve(s => s.AddOutlast(Section(("Outlast:process:idleTimeout", "10m")), o => o.Set("process.idleWarning", "20m"))));

        Assert.Contains("process.idleWarning = 20m (code) must be less than process.idleTimeout = 10m (Outlast:process:idleTimeout)", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_unknown_or_malformed_is_refused_together()
    {
        var refused = Assert.Throws<SettingsException>(() => Resolve(s => s.AddOutlast(o => o.Set("process.idelTimeout", "10m").Set("watchdog.poll", "soon"))));

        Assert.Equal(2, refused.Errors.Length);
        Assert.Contains(refused.Errors, e => e.StartsWith("watchdog.poll (code): 'soon' is no duration", StringComparison.Ordinal));
        Assert.Contains(refused.Errors, e => e.StartsWith("code: 'process.idelTimeout' is no setting", StringComparison.Ordinal));
    }

    [Fact]
    public void Several_parts_of_a_program_may_add_to_one_host()
    {
        var services = new ServiceCollection();
        services.AddOutlast(o => o.Set("concurrency.processes", 2).Set("watchdog.poll", "7s")).UseDataFolder("/nonexistent/outlast-test");
        services.AddOutlast(o => o.Set("concurrency.processes", 4));

        using var built = services.BuildServiceProvider();
        var settings = built.GetRequiredService<OutlastSettings>();
        Assert.Equal((4, TimeSpan.FromSeconds(7)), (settings.Dispatcher.Processes, settings.Watchdog.Poll));
        Assert.Single(services, d => d.ServiceType == typeof(OutlastHost));
    }

    [Fact]
    public void A_host_without_a_folder_says_what_to_call()
    {
        using var built = new ServiceCollection().AddLogging().AddOutlast().Services.BuildServiceProvider();

        Assert.Contains("call UseSqlite(folder)", Assert.Throws<InvalidOperationException>(built.GetRequiredService<OutlastHost>).Message, StringComparison.Ordinal);
    }

    private static OutlastSettings Resolve(Func<IServiceCollection, OutlastBuilder> add)
    {
        using var built = add(new ServiceCollection()).UseDataFolder("/nonexistent/outlast-test").Services.BuildServiceProvider();
        return built.GetRequiredService<OutlastSettings>();
    }

    private static IConfiguration Section(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, (string?)v.Value))).Build().GetSection("Outlast");
}
