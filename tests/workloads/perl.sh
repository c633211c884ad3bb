# perl: strings, hashes, regular expressions, sorting.
LD_PRELOAD=$PRELOAD perl -e '
    srand(3);
    my (%count, @words);
    for my $i (1 .. 300000) {
        my $word = join "", map { chr(97 + int rand 26) } 1 .. 1 + int rand 12;
        $count{$word}++;
        push @words, $word if $word =~ /^(.).*\1$/;
    }
    my $text = join " ", sort @words;
    $text =~ s/([aeiou]+)/<$1>/g;
    my $checksum = unpack "%32C*", $text;
    my @most = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 9];
    print scalar(keys %count), " $checksum @most\n";'
