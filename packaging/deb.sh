#!/usr/bin/env bash
# Makes the Debian package out/libnativemalloc_VERSION_amd64.deb of what build.sh made; make deb calls this.
#
#     [DEB_MAINTAINER='Name <address>'] deb.sh
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in dpkg-deb gzip strip; do
    command -v $tool > /dev/null || {
        echo "deb.sh: $tool is missing: sudo apt-get install dpkg gzip binutils" >&2
        exit 1
    }
done

package=libnativemalloc
version=$(packaging/version.sh)
maintainer=${DEB_MAINTAINER:-The NativeMalloc authors <authors@nativemalloc.invalid>}
root=out/obj/deb
folder=$PWD/$root
libraries=/usr/lib/x86_64-linux-gnu
documents=$folder/usr/share/doc/$package
umask 022

# All that is packed has the date of the last commit: the same sources give the same package.
SOURCE_DATE_EPOCH=$(packaging/date.sh)
export SOURCE_DATE_EPOCH

rm -rf "$folder"
env -u BINDIR -u LIBEXECDIR -u INCLUDEDIR -u DATADIR -u MANDIR DESTDIR="$folder" PREFIX=/usr LIBDIR=$libraries ZSHDIR=/usr/share/zsh/vendor-completions packaging/install.sh
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$folder$libraries/$package.so.$version"
strip --strip-debug --remove-section=.comment --enable-deterministic-archives "$folder$libraries/$package.a"
gzip -9n "$folder/usr/share/man/man1/nativemalloc.1"

notices=$(packaging/notices.sh)
mkdir -p "$documents" "$folder/usr/share/lintian/overrides" "$folder/DEBIAN"
cat > "$documents/copyright" << END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: NativeMalloc

Files: *
$(sed -n 's/^Copyright (c) /Copyright: /p' LICENSE)
License: Expat

Files: usr/libexec/nativemalloc-inspect
Comment: Has the .NET runtime and System.CommandLine in it. What of others belongs to these: THIRD-PARTY-NOTICES.gz.
$(sed -n 's/^Copyright (c) /Copyright: /p' LICENSE)
           .NET Foundation and Contributors
License: Expat

License: Expat
$(sed '1,/^Copyright/d; 1,/^$/!b' LICENSE | sed '1{/^$/d}; s/^$/./; s/^/ /')
END
gzip -9nc "$notices" > "$documents/THIRD-PARTY-NOTICES.gz"
gzip -9n > "$documents/changelog.gz" << END
$package ($version) unstable; urgency=medium

  * NativeMalloc $version.

 -- $maintainer  $(date -Rud "@$SOURCE_DATE_EPOCH")
END
cat > "$folder/usr/share/lintian/overrides/$package" << END
# One package holds the library, what is needed to link with it, and the command: it is to be installed from one file.
$package: package-name-doesnt-match-sonames *
$package: link-to-shared-library-in-wrong-package *
# It calls libc through weak references alone, so that one file loads under every libc.
$package: shared-library-lacks-prerequisites *
END

# The newest of libc's versions that anything in it asks for.
libc=$(objdump -T "$folder$libraries/$package.so.$version" "$folder/usr/libexec/nativemalloc-inspect" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)

cat > "$folder/DEBIAN/control" << END
Package: $package
Version: $version
Architecture: amd64
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$folder/usr" | cut -f1)
Depends: libc6 (>= ${libc#GLIBC_})
Suggests: gcc | c-compiler, libc6-dev, pkg-config, cmake
Section: libs
Priority: optional
Description: malloc with caches per CPU, to link with or to preload
 NativeMalloc takes the place of malloc in programs as they are. Its caches
 belong to CPUs, and are kept whole by restartable sequences (rseq), on the
 registration that the C library has made.
 .
 The package holds the shared and the static library, the header, files for
 pkg-config and CMake, and the command nativemalloc, which runs a program
 with the library preloaded, and shows what the memory of a running one is.
END
echo "libnativemalloc ${version%%.*} $package (>= $version)" > "$folder/DEBIAN/shlibs"
echo 'activate-noawait ldconfig' > "$folder/DEBIAN/triggers"
(cd "$folder" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$folder/DEBIAN/md5sums"

find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group --build "$folder" "out/${package}_${version}_amd64.deb" > /dev/null
echo "made out/${package}_${version}_amd64.deb"
