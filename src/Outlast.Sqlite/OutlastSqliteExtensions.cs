using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast;
using Outlast.Sqlite;
using Outlast.Storage;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the SQLite store to a host.</summary>
public static class OutlastSqliteExtensions
{
    /// <summary>Gives the host a data folder, with the same layout and lock as <c>outlast serve</c> has, and keeps its tasks there in <see cref="DataFolder.Database"/>.</summary>
    /// <param name="builder">The host.</param>
    /// <param name="folder">The folder; see <see cref="OutlastServiceCollectionExtensions.UseDataFolder"/>.</param>
    /// <param name="options">The store's options; none: defaults.</param>
    public static OutlastBuilder UseSqlite(this OutlastBuilder builder, string folder, SqliteStoreOptions? options = null) => builder.UseDataFolder(folder).UseSqlite(options);

    /// <summary>Keeps tasks in <see cref="DataFolder.Database"/> of the data folder that the host has.</summary>
    /// <param name="builder">The host.</param>
    /// <param name="options">The store's options; none: defaults.</param>
    public static OutlastBuilder UseSqlite(this OutlastBuilder builder, SqliteStoreOptions? options = null)
    {
        builder.Services.Replace(ServiceDescriptor.Singleton<ITaskStore>(s => new SqliteTaskStore(s.GetRequiredService<DataFolder>(), options ?? new(), s.GetRequiredService<TimeProvider>())));
        return builder;
    }
}
