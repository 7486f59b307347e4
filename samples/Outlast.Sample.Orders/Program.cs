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

// 202 as soon as the task is on disk; the customer's session is told of every end.
app.MapPost("/orders", async (Order order, ITaskClient tasks, TaskDefaults defaults) =>
{
    var spec = defaults.OfHandler("fulfil-order", JsonSerializer.SerializeToElement(order, OrdersJson.Default.Order)) with { Name = $"order {order.Id}", Session = order.Customer };
    var task = (await tasks.SubmitAsync(new(spec, new Actor(ActorType.User, order.Customer, "orders")))).Record;
    return Results.Accepted($"/orders/{task.Id}", new Accepted(task.Id.ToString(), task.Number));
});

app.MapGet("/orders/{id}", async (string id, ITaskClient tasks) =>
{
    if (!TaskId.TryParse(id, out var task)) return Results.NotFound();
    var record = (await tasks.GetAsync(task)).Record;
    return Results.Ok(new OrderState(Names.Of(record.State), record.End?.Result));
});

app.Run();
