using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Sample.Orders;

/// <summary>What a customer wants.</summary>
/// <param name="Id">The order's own number, the customer's.</param>
/// <param name="Customer">Whose session is told.</param>
/// <param name="Items">A parcel each.</param>
/// <param name="Pace">How long each piece of work takes, in milliseconds: so that there is time to kill the program.</param>
public sealed record Order(string Id, string Customer, ImmutableArray<string> Items, int Pace = 500);

/// <summary>One parcel of an order.</summary>
public sealed record Parcel(string Order, string Item, int Pace);

/// <summary>What stands on a parcel.</summary>
public sealed record Label(string Item, int Grams);

/// <summary>What an order has come to.</summary>
public sealed record Receipt(string Order, ImmutableArray<Label> Parcels, int InvoiceExitCode);

/// <summary>That an order was taken.</summary>
public sealed record Accepted(string Id, long Number);

/// <summary>How an order is.</summary>
public sealed record OrderState(string State, JsonElement? Receipt);

/// <summary>How these are written: known when the program is compiled.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Parcel))]
[JsonSerializable(typeof(Label))]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(Accepted))]
[JsonSerializable(typeof(OrderState))]
[JsonSerializable(typeof(int))]
public sealed partial class OrdersJson : JsonSerializerContext;
