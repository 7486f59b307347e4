namespace Outlast.Tests.Diagnostics;

/// <summary>Tests that listen to what the whole process traces: nothing else runs meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
