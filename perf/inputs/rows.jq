# Rows by the first two digits of their numbers: how many, and their longest text.
[.[] | {key: .name[4:6], length: (.text | length), sum: (.values | add)}] | group_by(.key)
    | map({key: .[0].key, rows: length, longest: (map(.length) | max), sum: (map(.sum // 0) | add)})
