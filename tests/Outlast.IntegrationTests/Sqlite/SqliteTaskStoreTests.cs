using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class SqliteTaskStoreTests : TaskStoreConformance
{
    private readonly SqliteFolder _folder = new();

    protected override ITaskStore Create() => _folder.NewStore();

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
