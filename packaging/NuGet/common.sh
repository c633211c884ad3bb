# What build.sh and tool.sh share. Sourced with the repository as the working folder.

version=$(packaging/version.sh)
SOURCE_DATE_EPOCH=$(packaging/date.sh)
export SOURCE_DATE_EPOCH

# need FILE...: what make makes.
need() {
    local file
    for file; do
        [ -f "$file" ] || { echo "$script: there is no $file: run make first" >&2; exit 1; }
    done
}

# run WHAT COMMAND...: the command; what it says goes to $log, and if it fails its errors and what could not be done are said.
run() {
    local what=$1
    shift
    "$@" > "$log" 2>&1 || {
        packaging/errors.sh "$log"
        echo "$script: $what; all of it is in $log" >&2
        exit 1
    }
}

# pack PROJECT ARGUMENT...: makes a package of the project in $folder.
pack() {
    run "$1 could not be packed" dotnet pack "packaging/NuGet/$1" --nologo -o "$folder" -p:Version="$version" "${@:2}" \
        ${NUGET_REPOSITORY_URL:+-p:RepositoryUrl="$NUGET_REPOSITORY_URL"}
}
