using System.Collections.Immutable;
using Outlast.IntegrationTests.Faults.Checking;

namespace Outlast.IntegrationTests.Faults;

/// <summary>A command that tells its start, prints 1, waits until the test lets it go on, prints 2, tells its end and exits with 7.</summary>
internal sealed class GatedCommand(WitnessFile witness, string gate)
{
    public static PlannedTask Plan(string key, bool repeatable = false) => new(key, new(1, 2), 7, repeatable);

    /// <summary>Lets it go on, now or when it comes there.</summary>
    public void Open() => File.WriteAllText(gate, "");

    public ImmutableArray<string> Argv(bool stubborn = false) =>
        witness.Command(Plan(""), portion: 1, between: $"while [ ! -e '{gate}' ]; do sleep 0.02; done", stubborn);
}
