# make            build out/libnativemalloc.so and out/libnativemalloc.a
# make test       build, and pass all tests (within 6 minutes on two cores)
# make demo       real programs under glibc's malloc and under NativeMalloc, side by side
# make soak       the long tests: every real program 20 times, ten minutes of everything at once
# make clean      remove what was built

.PHONY: all test demo soak clean

all:
	./build.sh

test: all
	tests/run.sh

demo: all
	perf/demo.sh

soak: all
	tests/soak.sh

clean:
	./build.sh clean
