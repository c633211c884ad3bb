# gcc and g++ on a C and a C++ file.
cat > heavy.cpp << 'CPP'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct table { std::map<std::string, std::vector<std::variant<int, std::string>>> values; int sum() const { return table<N - 1>().sum() + N; } };
template <> struct table<0> { int sum() const { return 0; } };
int main() { std::regex words("([a-z]+)-([0-9]+)"); std::smatch match; std::string text = "abc-123"; std::cout << std::regex_match(text, match, words) << table<80>().sum() << '\n'; }
CPP
LD_PRELOAD=$PRELOAD gcc -O2 -pthread -S -o soak.s "$(dirname "$0")/../programs/soak.c"
LD_PRELOAD=$PRELOAD g++ -O2 -std=c++17 -S -o heavy.s heavy.cpp
LD_PRELOAD=$PRELOAD g++ -O1 -std=c++17 -o heavy heavy.cpp
sha256sum soak.s heavy.s
LD_PRELOAD=$PRELOAD ./heavy
