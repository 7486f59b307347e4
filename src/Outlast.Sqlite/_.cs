namespace Outlast.Sqlite;
