while (<>) { chomp; my ($number, $text) = split / /, $_, 2; push @{$words{substr($number, 2, 4)}}, $text . ("y" x (rand() * 200)); }
