using Outlast.Storage;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Storage;

public sealed class InMemoryTaskStoreTests : TaskStoreConformance
{
    protected override ITaskStore Create() => new InMemoryTaskStore();

    [Fact]
    public void It_says_that_it_keeps_nothing() => Assert.Equal("none", Store.Description.Durability);
}
