using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Adds the SQLite store to a host.</summary>
public static class OutlastSqliteExtensions
{
    /// <summary>Keeps tasks in <see cref="DataFolder.Database"/> of the host's folder.</summary>
    public static IServiceCollection UseSqlite(this IServiceCollection services, SqliteStoreOptions? options = null) => services.Replace(ServiceDescriptor.Singleton<ITaskStore>(
        provider => new SqliteTaskStore(provider.GetRequiredService<DataFolder>(), options ?? new(), provider.GetRequiredService<TimeProvider>())));
}
