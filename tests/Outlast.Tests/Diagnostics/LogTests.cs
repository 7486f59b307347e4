using System.Reflection;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;

namespace Outlast.Tests.Diagnostics;

public sealed class LogTests
{
    [Fact]
    public void Every_message_has_a_number_of_its_own()
    {
        var messages = typeof(Log).GetMethods(BindingFlags.Static | BindingFlags.Public).Select(m => (m.Name, Id: m.GetCustomAttribute<LoggerMessageAttribute>()?.EventId)).Where(m => m.Id is not null).ToList();
        Assert.NotEmpty(messages);
        Assert.Empty(messages.GroupBy(m => m.Id).Where(same => same.Count() > 1).Select(same => string.Join(", ", same)));
    }
}
