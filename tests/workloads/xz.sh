# tar with xz in two threads, there and back.
mkdir tree
for i in $(seq 1 60); do seq $i 17 $((i * 4000)) > tree/file$i; done
LD_PRELOAD=$PRELOAD tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c tree | LD_PRELOAD=$PRELOAD xz -T2 --block-size=1MiB -4 > tree.tar.xz
sha256sum < tree.tar.xz
mkdir back
LD_PRELOAD=$PRELOAD tar -C back --use-compress-program='xz -d -T2' -xf tree.tar.xz
diff -r tree back/tree && echo same
