#!/usr/bin/env bash
# Copies the sources of the matrix's programs, and what compiles them, to a folder. Started in the project's folder.
#
#     tests/matrix/gather.sh FOLDER
set -euo pipefail
cp -r tests/programs tests/matrix/compile.sh "$1/"
cp perf/fastpath.c perf/clock.h perf/programs/wordcount.c "$1/programs/"
