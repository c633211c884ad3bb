#!/bin/sh
# Prints a number that says how the library's structures lie in memory: a digest of the sources that decide it, which the command is compiled
# from, too. The library has it in a note, and the command reads the memory of processes only where both are the same.
cd "$(dirname "$0")/.." || exit
sources=$(cat packaging/Command/structures.txt) || exit
# shellcheck disable=SC2086 # a list of names
printf '0x%.16s\n' "$(cat $sources | sha256sum)"
