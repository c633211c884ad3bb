# Samba's ldb, which loads its modules and backends with RTLD_DEEPBIND.
for i in $(seq 1 500); do
    printf 'dn: cn=name%d,dc=example\nobjectClass: top\ncn: name%d\nnumber: %d\ndescription: some text of number %d\n\n' $i $i $((i * 7919 % 1009)) $i
done > records.ldif
LD_PRELOAD=$PRELOAD ldbadd -H tdb://$PWD/database.ldb records.ldif
LD_PRELOAD=$PRELOAD ldbsearch -H tdb://$PWD/database.ldb '(&(cn=*1)(!(number=500)))' cn number | grep -v '^#' | sort | sha256sum
printf 'dn: cn=name7,dc=example\nchangetype: modify\nreplace: number\nnumber: 12345\n' > change.ldif
LD_PRELOAD=$PRELOAD ldbmodify -H tdb://$PWD/database.ldb change.ldif
LD_PRELOAD=$PRELOAD ldbdel -H tdb://$PWD/database.ldb cn=name8,dc=example
LD_PRELOAD=$PRELOAD ldbsearch -H tdb://$PWD/database.ldb '(|(cn=name7)(cn=name8))' number
