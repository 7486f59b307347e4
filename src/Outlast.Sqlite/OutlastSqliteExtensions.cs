using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast.Hosting;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Adds the SQLite store to a host.</summary>
public static class OutlastSqliteExtensions
{
    /// <summary>Keeps tasks in <see cref="DataFolder.Database"/> of the host's folder.</summary>
    public static OutlastBuilder UseSqlite(this OutlastBuilder builder, SqliteStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<ITaskStore>(provider => new SqliteTaskStore(builder.Folder, options ?? new(), provider.GetRequiredService<TimeProvider>())));
        return builder;
    }
}
