# What bash completes the words behind nativemalloc with: the command says it itself.
_nativemalloc() {
    local typed=$2 line program=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :files)
            compopt -o filenames
            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$typed")
            ;;
        :program*) program=${line#* } ;;
        *)
            COMPREPLY+=("${line%%$'\t'*}")
            [[ $line != *[=:] && $line != *[=:]$'\t'* ]] || compopt -o nospace
            ;;
        esac
    done < <("$1" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)

    if [ -z "$program" ]; then
        :
    elif ((COMP_CWORD == program)); then
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "$typed" | sort -u)
    elif declare -F _command_offset > /dev/null; then
        _command_offset "$program"
    else
        compopt -o default
    fi
}
complete -F _nativemalloc nativemalloc
