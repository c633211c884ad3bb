# Some of the lines by their first digits and by their numbers' last ones: arrays of arrays, and strings that grow.
NR % 8 == 0 {
    first[substr($1, 3, 4)][NR] = $0
    last[substr($3, length($3) - 2)] = last[substr($3, length($3) - 2)] " " $1
}
END {
    for (key in first) if (length(first[key]) > most) most = length(first[key])
    for (key in last) letters += length(last[key])
    print most, letters
}
