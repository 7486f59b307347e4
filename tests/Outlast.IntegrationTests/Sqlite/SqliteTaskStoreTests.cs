using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class SqliteTaskStoreTests : TaskStoreConformance
{
    private readonly TempFolder _folder = new();

    protected override ITaskStore Create() => new SqliteTaskStore(_folder.Data, new(), TimeProvider.System);

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
