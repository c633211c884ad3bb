# bash scripts that fork much: subshells, pipes, substitutions; and dash, which allocates in its vfork children.
cat > forks.sh << 'SH'
total=0
for i in $(seq 1 60); do
    value=$(echo $((i * 7)) | sed 's/7/8/g' | tr 8 9)
    total=$((total + value))
    (: $(:)) &
done
wait
words=$(for i in $(seq 1 100); do echo "word$((i % 13))"; done | sort | uniq -c | sort -rn | head -n 5)
echo $total $words
SH
LD_PRELOAD=$PRELOAD bash forks.sh
LD_PRELOAD=$PRELOAD dash -c 'for i in 1 2 3 4 5 6 7 8 9 10; do no-such-command-$i 2> /dev/null || echo "none $i $?"; done; echo $(echo a | cat | cat)'
