namespace Outlast;

/// <summary>What a store is.</summary>
/// <param name="Kind"><c>sqlite</c>, <c>memory</c>.</param>
/// <param name="Library">Which library and version does the work.</param>
/// <param name="Durability"><c>full</c>: what is acknowledged survives a power cut. <c>none</c>: it ends with the process.</param>
public sealed record StoreDescription(string Kind, string Library, string Durability);
