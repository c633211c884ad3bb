# Prints rows with numbers and texts of any length, the same each time, as JSON.
BEGIN {
    srand(3)
    printf "["
    for (i = 0; i < 40000; i++) {
        printf "%s{\"name\":\"row %d\",\"values\":[", i ? "," : "", i
        count = int(rand() * 12)
        for (j = 0; j < count; j++) printf "%s%.6f", j ? "," : "", rand()
        printf "],\"text\":\"%*s\"}", int(rand() * 200) + 1, "x"
    }
    print "]"
}
