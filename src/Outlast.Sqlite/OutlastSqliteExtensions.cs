using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Adds the SQLite store to a host.</summary>
public static class OutlastSqliteExtensions
{
    /// <summary>Keeps tasks in <see cref="DataFolder.Database"/> of the host's folder.</summary>
    public static IServiceCollection UseSqlite(this IServiceCollection services, SqliteStoreOptions? options = null) =>
        services.UseSqlite(provider => provider.GetRequiredService<DataFolder>(), options);

    /// <summary>Keeps tasks in <see cref="DataFolder.Database"/> of that folder.</summary>
    public static IServiceCollection UseSqlite(this IServiceCollection services, DataFolder folder, SqliteStoreOptions? options = null) => services.UseSqlite(_ => folder, options);

    private static IServiceCollection UseSqlite(this IServiceCollection services, Func<IServiceProvider, DataFolder> folder, SqliteStoreOptions? options) => services.Replace(
        ServiceDescriptor.Singleton<ITaskStore>(provider => new SqliteTaskStore(folder(provider), options ?? new(), provider.GetRequiredService<TimeProvider>())));
}
