#compdef nativemalloc
# What zsh completes the words behind nativemalloc with: the command says it itself.
local line name program
local -a candidates open
local files=
for line in "${(@f)$(${(Q)words[1]} --complete "${(@Q)words[2,CURRENT]}" 2> /dev/null)}"; do
    name=${line%%$'\t'*}
    case $line in
    '') ;;
    :files) files=1 ;;
    :program*) program=${line#* } ;;
    *[=:]$'\t'* | *[=:]) open+=("${name//:/\\:}:${line#*$'\t'}") ;;
    *) candidates+=("${name//:/\\:}:${line#*$'\t'}") ;;
    esac
done

local ret=1
(( ! $#candidates )) || _describe nativemalloc candidates && ret=0
(( ! $#open )) || _describe nativemalloc open -S '' && ret=0
[[ -z $files ]] || { compset -P '--*='; _files } && ret=0
if [[ -n $program ]]; then
    if (( CURRENT == program + 1 )); then
        _command_names -e && ret=0
    else
        shift $program words
        (( CURRENT -= program ))
        _normal && ret=0
    fi
fi
return ret
