# Prints rows with attributes, texts and numbers, the same each time, as XML.
BEGIN {
    srand(4)
    print "<rows>"
    for (i = 0; i < 60000; i++) {
        printf "<row id=\"%d\" kind=\"k%d\"><name>row %d</name><text>%*s</text>", i, rand() * 50, i, int(rand() * 100) + 1, "x"
        count = int(rand() * 6)
        for (j = 0; j < count; j++) printf "<value>%.6f</value>", rand()
        print "</row>"
    }
    print "</rows>"
}
