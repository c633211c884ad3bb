# .NET: ASP.NET with Brotli's and the sockets' memory outside of its heap.

prepare() {
    mkdir -p "$work/source"
    cat > "$work/source/Server.csproj" << 'XML'
<Project Sdk="Microsoft.NET.Sdk.Web">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
</Project>
XML
    for file in props targets; do
        echo "<Project/>" > "$work/source/Directory.Build.$file" # and not the repository's
    done
    cat > "$work/source/Server.cs" << 'CS'
using System.IO.Compression;
using System.Text;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
WebApplication app = builder.Build();
string rows = string.Concat(Enumerable.Range(0, 200).Select(i => $"row {i}\n"));
app.MapGet("/{number}", (string number, HttpResponse answer) =>
{
    MemoryStream body = new();
    using (BrotliStream brotli = new(body, CompressionLevel.Fastest, leaveOpen: true))
    {
        brotli.Write(Encoding.UTF8.GetBytes(number + rows));
    }

    answer.ContentLength = body.Length;
    return answer.Body.WriteAsync(body.GetBuffer(), 0, (int)body.Length);
});
app.Run("http://127.0.0.1:18083");
CS
    dotnet publish "$work/source" -c Release --nologo -v:quiet -o "$work/server"
}

start() {
    exec setsid "$work/server/Server"
}

ready() {
    (exec 3<> /dev/tcp/127.0.0.1/18083)
}

load() {
    ab -q -n 20000 -c 16 -k http://127.0.0.1:18083/1
}

clients=(18083 http:/ 16)
