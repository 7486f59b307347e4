using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>The floors of the runtime: a room may use those below it, never one above or beside it. Diagnostics is seen by all.</summary>
public sealed partial class FloorTests
{
    private static readonly IReadOnlyDictionary<string, int> Floors = new Dictionary<string, int>
    {
        [""] = 1,
        ["Lifecycle"] = 2,
        ["Output"] = 2,
        ["Runners"] = 3,
        ["Storage"] = 3,
        ["Delivery"] = 3,
        ["Supervision"] = 4,
        ["Hosting"] = 5,
        ["Diagnostics"] = 0,
    };

    public static TheoryData<string> Files => [.. Repository.Sources("src", "Outlast").Select(Repository.Relative)];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_room_uses_only_what_lies_below_it(string file)
    {
        var source = File.ReadAllText(Repository.File(file));
        var room = Path.GetRelativePath("src/Outlast", Path.GetDirectoryName(file)!).Split('/')[0] is var folder and not "." ? folder : "";
        // What adds to the services of a program is found where they are.
        if (!ServiceSpace().IsMatch(source)) Assert.Equal(room, RoomOf(source));
        Assert.Empty(Breaches(room, source));
    }

    [Theory]
    [InlineData("", "using Outlast.Storage;")]
    [InlineData("Lifecycle", "using Outlast.Output;")]
    [InlineData("Lifecycle", "var x = Outlast.Storage.RecordRules.FindBreach(record);")]
    [InlineData("Storage", "using Outlast.Runners.Processes;")]
    [InlineData("Runners", "using static Outlast.Storage.X;")]
    [InlineData("Supervision", "using X = Outlast.Hosting.Y;")]
    [InlineData("Diagnostics", "using Outlast.Supervision;")]
    public void The_check_sees_a_look_up_or_sideways(string room, string source) => Assert.NotEmpty(Breaches(room, source));

    [Fact]
    public void Every_room_has_its_floor() => Assert.Empty(Directory.EnumerateDirectories(Repository.File("src", "Outlast")).Select(d => Path.GetFileName(d)!).Except(["bin", "obj"]).Except(Floors.Keys));

    private static string[] Breaches(string room, string source) =>
        [.. Mentions().Matches(source).Select(m => m.Groups[1].Value).Where(used => Floors.TryGetValue(used, out var floor) && used != room && used != "Diagnostics" && floor >= Floors[room]).Distinct()];

    private static string RoomOf(string source)
    {
        var room = Namespace().Match(source).Groups[1].Value;
        return room.Split('.')[0];
    }

    [GeneratedRegex(@"\bOutlast\.([A-Z][A-Za-z]+)\b")]
    private static partial Regex Mentions();

    [GeneratedRegex(@"^namespace Outlast\.?([A-Za-z.]*);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^namespace Microsoft\.Extensions\.DependencyInjection;", RegexOptions.Multiline)]
    private static partial Regex ServiceSpace();
}
