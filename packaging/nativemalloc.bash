# What bash completes the words behind nativemalloc with: the command says it itself.
_nativemalloc() {
    local typed=$2 line program=
    COMPREPLY=()

    # Bash has parted words at "=" and ":" (COMP_WORDBREAKS): those that no space parts belong together. Where each began is kept.
    local words=() starts=() rest=$COMP_LINE blank i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=${rest%%[![:space:]]*}
        rest=${rest#"$blank"}
        if [ $i = 0 ] || [ -n "$blank" ]; then
            words+=("${COMP_WORDS[i]}") starts+=("$i")
        else
            words[${#words[@]} - 1]+=${COMP_WORDS[i]}
        fi
        rest=${rest#"${COMP_WORDS[i]}"}
    done
    local word=$((${#words[@]} - 1))
    local before=${words[word]%"$typed"} # what bash does not replace

    while IFS= read -r line; do
        case $line in
        :files)
            compopt -o filenames
            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$typed")
            ;;
        :program*) program=${line#* } ;;
        *)
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#"$before"}")
            [[ $line != *[=:] ]] || compopt -o nospace
            ;;
        esac
    done < <("$1" --complete "${words[@]:1}" 2> /dev/null)

    if [ -z "$program" ]; then
        :
    elif ((word == program)); then
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "$typed" | sort -u)
    elif declare -F _command_offset > /dev/null; then
        _command_offset "${starts[program]}"
    else
        compopt -o default
    fi
}
complete -F _nativemalloc nativemalloc
