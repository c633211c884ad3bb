# Prints a tree with some edges more, the same each time, for dot.
BEGIN {
    srand(5)
    print "digraph {"
    for (i = 1; i < 1000; i++) {
        print "n" int(rand() * i) " -> n" i
        if (rand() < 0.3) print "n" int(rand() * i) " -> n" i
    }
    print "}"
}
