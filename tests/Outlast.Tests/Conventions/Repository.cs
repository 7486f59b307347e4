using System.Runtime.CompilerServices;

namespace Outlast.Tests.Conventions;

/// <summary>The repository that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(FolderOfThisFile(), "..", "..", ".."));

    public static string File(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The C# sources below a folder, without what the build wrote.</summary>
    public static IEnumerable<string> Sources(params string[] folder) => Directory.EnumerateFiles(File(folder), "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !f.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);

    public static string Relative(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string FolderOfThisFile([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
