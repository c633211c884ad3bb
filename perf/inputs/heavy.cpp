#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <variant>
#include <vector>
template <int N> struct table { std::map<std::string, std::vector<std::variant<int, std::string>>> values; int sum() const { return table<N - 1>().sum() + N; } };
template <> struct table<0> { int sum() const { return 0; } };
int main() { std::regex words("([a-z]+)-([0-9]+)"); std::smatch match; std::string text = "abc-123"; std::cout << std::regex_match(text, match, words) << table<100>().sum() << '\n'; }
