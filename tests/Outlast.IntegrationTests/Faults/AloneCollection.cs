using Xunit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>Tests that load or measure the whole machine: nothing else runs meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
