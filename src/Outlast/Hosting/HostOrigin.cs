namespace Outlast.Hosting;

/// <summary>That a host follows another in the same process; its first event says so.</summary>
/// <param name="Former">The host before it.</param>
/// <param name="FormerVersion">That one's program.</param>
/// <param name="Failure">Why the program that should have followed could not serve; none: this is that program.</param>
public sealed record HostOrigin(HostId Former, string FormerVersion, string? Failure);
