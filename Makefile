# make            build out/libnativemalloc.so, out/libnativemalloc.a and out/nativemalloc-inspect
# make install    install below PREFIX=/usr/local: libraries, header, nativemalloc.pc, CMake package, command, manual, completion, dashboard;
#                 DESTDIR= goes before all paths, and BINDIR=, LIBDIR=, LIBEXECDIR=, INCLUDEDIR=, DATADIR=, MANDIR= and ZSHDIR= change one each
# make uninstall  remove what make install put there, given the same variables
# make deb        a Debian package of the same, in out/
# make nuget      the NuGet packages NativeMalloc, for .NET apps, and NativeMalloc.Tool, the command as a dotnet tool, in out/nuget
# make test       build, and pass all tests (four to eight minutes on two cores; twenty where a page's first touch takes 18 µs)
# make demo       what it changes: real programs under glibc's malloc and under NativeMalloc by turns (a minute)
# make perf       measure it beside other allocators: perf/report.md and perf/charts (an hour; QUICK=1: five minutes, in out/perf/quick)
# make soak       the long tests: every real program 20 times, ten minutes of everything at once, ten of random operations
# make nuget-test the NuGet package in apps of all kinds (five minutes)
# make suites     other programs' own test suites, with and without the library (as root on Debian; an hour)
# make matrix     one build under old and new glibc and musl, and under old and new kernels in an emulated machine, in each
#                 situation of rseq (as root on Debian; an hour and a half)
# make clean      remove what was built

# In the environment of these scripts alone: tests and programs may know such names too.
folders = PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' BINDIR='$(BINDIR)' LIBDIR='$(LIBDIR)' LIBEXECDIR='$(LIBEXECDIR)' INCLUDEDIR='$(INCLUDEDIR)' DATADIR='$(DATADIR)' MANDIR='$(MANDIR)' ZSHDIR='$(ZSHDIR)'

.PHONY: all install uninstall deb nuget test demo perf soak nuget-test suites matrix clean

all:
	./build.sh
	packaging/Command/build.sh

# Root installs what another has built, and makes nothing that the other cannot make anew; where there is nothing yet it is made first.
built = out/libnativemalloc.so out/libnativemalloc.a out/nativemalloc-inspect
install: $(if $(filter-out $(wildcard $(built)),$(built)),all)
	$(folders) packaging/install.sh

uninstall:
	$(folders) packaging/install.sh remove

deb: all
	packaging/deb.sh

nuget: all
	packaging/NuGet/build.sh
	packaging/NuGet/tool.sh

test: all
	tests/run.sh

demo: all
	perf/demo.sh

perf: all
	perf/run.sh $(if $(QUICK),--quick)

soak: all
	tests/soak.sh

nuget-test: all
	tests/nuget.sh

suites: all
	tests/suites/run.sh

matrix: all
	tests/matrix/roots.sh
	tests/matrix/kernels.sh

clean:
	./build.sh clean
