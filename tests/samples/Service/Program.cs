using System.Net;
using System.Runtime;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.RateLimiting;
using NativeMalloc;
using NativeMalloc.Samples;

// Service PORT: https on that port of this machine, with a certificate of its own that it makes at the start.
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseKestrelHttpsConfiguration();
builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, int.Parse(args[0]), listen => listen.UseHttps(Certificate())));
builder.Services.AddRateLimiter(options => options.AddConcurrencyLimiter("pictures", limit =>
{
    // As many as there are processors to work on, and some; the others wait for their turn.
    limit.PermitLimit = 2 * Environment.ProcessorCount;
    limit.QueueLimit = int.MaxValue;
}));
builder.Services.AddResponseCompression(options => options.EnableForHttps = true);

WebApplication app = builder.Build();
app.UseResponseCompression();
app.UseRateLimiter();
app.MapGet("/thumbnail/{number:int}", (int number) => Results.Bytes(Pictures.Thumbnail(number, 160 + number % 5 * 80), "image/jpeg")).RequireRateLimiting("pictures");
app.MapGet("/article/{number:int}", (int number) => Results.Text(Articles.Read(number)));
app.MapGet("/memory", () => FormattableString.Invariant(
    $"NativeMalloc {NativeMallocHeap.IsActive}, resident {Environment.WorkingSet}, committed by the garbage collector {GC.GetGCMemoryInfo().TotalCommittedBytes}, threads {ThreadPool.ThreadCount}, server GC {GCSettings.IsServerGC}\n"));
_ = Pictures.Thumbnail(0, 160).Length + Articles.Read(0).Length; // makes them now
app.Start();
Console.WriteLine("ready");
app.WaitForShutdown();

static X509Certificate2 Certificate()
{
    using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
    DateTimeOffset now = DateTimeOffset.UtcNow;
    using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
}
