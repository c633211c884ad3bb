# git's own tests of its basics, as TAP.
packages=(git zlib1g-dev make gcc libc6-dev)
source=git

prepare() { make -j2 NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 NO_PYTHON=1; }

run() {
    local script
    cd t || exit
    for script in t0[0-9]*.sh t1[0-4]*.sh; do
        ./"$script" | sed -nE "s/^(not ok|ok) [0-9]+ (.*)/${script%%-*} \2: \1/p"
    done
}
