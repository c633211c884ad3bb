# dotnet build of a small program, and the program.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
cat > Small.csproj << 'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework></PropertyGroup>
</Project>
XML
cat > Directory.Build.props << 'XML'
<Project />
XML
cat > Program.cs << 'CS'
System.Console.WriteLine(string.Join(' ', System.Linq.Enumerable.Range(1, 100000).AsParallel().Select(n => $"{n * 31L}").OrderBy(s => s, System.StringComparer.Ordinal).Take(20)));
CS
sed -i '1i using System.Linq;' Program.cs
LD_PRELOAD=$PRELOAD dotnet build --nologo -v quiet -p:UseSharedCompilation=false -o built | grep -E 'error|warn|Warn|Error' | sort
LD_PRELOAD=$PRELOAD ./built/Small
