using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Outlast;
using Outlast.Runners.Handlers;
using Outlast.Sample.Orders;

var builder = WebApplication.CreateBuilder(args);

// A host of Outlast within this program: its tasks outlive both.
builder.Services.AddOutlast(builder.Configuration.GetSection("Outlast"))
    .UseSqlite(builder.Configuration["DataFolder"] ?? "orders-data")
    .AddProcesses()
    .AddHandler<Order, Receipt, FulfilOrder>("fulfil-order", OrdersJson.Default)
    .AddHandler<Parcel, Label, PackParcel>("pack-parcel", OrdersJson.Default)
    .AddSocket();
builder.Services.AddSingleton(Ledger.In(builder.Configuration["Ledger"] ?? "orders-ledger.txt"));
builder.Services.AddHealthChecks().AddOutlast();
builder.Services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Insert(0, OrdersJson.Default));

var app = builder.Build();
app.MapHealthChecks("/health");

// 202 as soon as the task is on disk; the customer's session is told of every end. An order that is sent twice is one task, and another order under its id is refused.
app.MapPost("/orders", async (Order order, ITaskClient tasks, TaskDefaults defaults) =>
{
    var input = JsonSerializer.SerializeToElement(order, OrdersJson.Default.Order);
    var spec = defaults.OfHandler("fulfil-order", input) with { Name = $"order {order.Id}", Session = order.Customer };
    var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(input.GetRawText())));
    try
    {
        var task = (await tasks.SubmitAsync(new(spec, new Actor(ActorType.User, order.Customer, "orders"), IdempotencyKey: $"order {order.Id} of {order.Customer}", BodyHash: hash))).Record;
        return Results.Accepted($"/orders/{task.Id}", new Accepted(task.Id.ToString(), task.Number));
    }
    catch (IdempotencyMismatchException)
    {
        return Results.Conflict();
    }
});

app.MapGet("/orders/{id}", async (string id, ITaskClient tasks) =>
{
    if (!TaskId.TryParse(id, out var task)) return Results.NotFound();
    try
    {
        var record = (await tasks.GetAsync(task)).Record;
        return Results.Ok(new OrderState(Names.Of(record.State), record.End?.Result));
    }
    catch (TaskNotFoundException)
    {
        return Results.NotFound();
    }
});

app.Run();
