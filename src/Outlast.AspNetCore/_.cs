namespace Outlast.AspNetCore;
