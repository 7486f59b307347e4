namespace Outlast.Client;
