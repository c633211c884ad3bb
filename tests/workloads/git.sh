# git: a repository of 300 commits; clone, gc, log, blame.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b HOME=$PWD
{
    for i in $(seq 1 300); do
        printf 'commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 9\ncommit %d\n' $((1000000000 + i * 60)) $((i % 10))
        content=$(seq $i $((i * 3)) | sed "s/$/ line of $((i % 17))/")
        printf 'M 100644 inline file%d\ndata %d\n%s\n' $((i % 25)) ${#content} "$content"
    done
} > stream
git init -q -b main origin
(cd origin && LD_PRELOAD=$PRELOAD git fast-import --quiet < ../stream)
LD_PRELOAD=$PRELOAD git clone -q --no-local origin copy
cd copy
LD_PRELOAD=$PRELOAD git gc -q --aggressive
LD_PRELOAD=$PRELOAD git fsck --full 2> /dev/null
LD_PRELOAD=$PRELOAD git log -p --stat | sha256sum
LD_PRELOAD=$PRELOAD git blame file7 | sha256sum
LD_PRELOAD=$PRELOAD git rev-list --objects --all | sort | sha256sum
