# sort of 200 MB (20 MB in the short form), in two threads.
awk -v lines="${LARGE:+6000000}" 'BEGIN { srand(5); if (lines == "") lines = 600000; for (i = 0; i < lines; i++) printf "%.15f line %d\n", rand(), i }' > input
LD_PRELOAD=$PRELOAD LC_ALL=C sort --parallel=2 -S 300M input | sha256sum
LD_PRELOAD=$PRELOAD sort -k3 -n -r input | head -n 1000 | sha256sum
