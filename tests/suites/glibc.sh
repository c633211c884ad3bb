# glibc's own tests of malloc's interface and of fork, built apart from it with the helpers that its tests share. Left out are those that look
# at its heap's insides: what it finds damaged (tst-malloc-backtrace, -malloc-check, -safe-linking, -tcfree2), what it prints
# (-malloc-stats-cancellation), its tunables (-malloc-usable, -malloc-tcache-leak, -mxfast), and what programs cannot reach.
packages=(gcc libc6-dev)
source=glibc

compile="gcc -O1 -w -std=gnu11 -fno-builtin -pthread -D_GNU_SOURCE -DTIMEOUTFACTOR=10 -include limits.h -Iheaders -Isupport"
for path in SRCDIR OBJDIR OBJDIR_ELF_LDSO INSTDIR LIBDIR BINDIR SBINDIR SLIBDIR ROOTSBINDIR COMPLOCALEDIR SYSCONFDIR; do
    compile+=" -D${path}_PATH=\"/\""
done

# tests: the sources.
tests() {
    local name
    for name in malloc/tst-{calloc,free-errno,interpose-nothread,interpose-thread,mallinfo2,malloc,malloc-fork-deadlock} \
        malloc/tst-{malloc-thread-exit,malloc-thread-fail,malloc-too-large,malloc_info} \
        malloc/tst-{mallocfork,mallocfork2,mallocfork3,mallopt,memalign,obstack,posix_memalign,pvalloc,pvalloc-fortify,realloc,reallocarray} \
        malloc/tst-{tcfree1,tcfree3,trim1,valloc} malloc/mallocbug \
        {nptl,posix,sysdeps/pthread}/tst-{atfork{1,2,3,4},fork{,1,2,3,4},vfork{1,2,3}}; do
        [ ! -e "$name.c" ] || echo "$name"
    done
}

prepare() {
    local name file
    mkdir -p headers helpers programs
    ln -sfn ../support ../malloc ../test-skeleton.c headers/
    ln -sfn ../include/{array_length,dso_handle,intprops,libc-diag}.h headers/
    # By POSIX the error is the result, and errno is as it was.
    sed -i 's/if (\(posix_memalign (.*)\))$/if ((errno = \1))/' malloc/tst-malloc-thread-fail.c
    for file in support/*.c; do
        $compile -c "$file" -o "helpers/$(basename "$file" .c).o" 2> /dev/null || true # not all do without the rest of glibc
    done
    rm -f helpers/{*-container,*-program-*,README-testing,tst-*,test-run-command,true-container}.o
    ar rcs programs/libhelpers.a helpers/*.o
    for name in $(tests); do
        file=${name/interpose/interpose-aux}.c
        [ "$file" != "$name.c" ] || file=
        $compile "$name.c" $file programs/libhelpers.a -rdynamic -ldl -o "programs/$(basename "$name")" || echo "not compiled: $name"
        [ ! -e "${name}mod.c" ] || $compile -shared -fPIC "${name}mod.c" programs/libhelpers.a -o "programs/$(basename "$name")mod.so"
    done
}

# By chance a deadlock may not come: those tests run more than once.
run() {
    local name number times
    cd programs
    for name in tst-* mallocbug; do
        [ -x "$name" ] && [ "${name%.so}" = "$name" ] || continue
        times=1
        [[ $name != *fork* ]] || times=3
        [ "$name" != tst-malloc-fork-deadlock ] || times=20
        for ((number = 1; number <= times; number++)); do
            LD_LIBRARY_PATH=. "./$name" > "$name.out" 2>&1 < /dev/null
            echo "$name $number: exit code $?"
        done
    done
}
