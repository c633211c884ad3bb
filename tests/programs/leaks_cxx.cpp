// What a C++ program loses: an array of objects, through its first element behind the count that new[] keeps; and what it does not.
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Item {
    std::string name = "a name that is too long to lie in the string itself";
    ~Item() { name = "gone"; }
};

static Item *volatile kept;
static std::map<int, std::string> table;
static std::unique_ptr<std::vector<Item>> items;

[[gnu::noinline]] static void lose()
{
    Item *volatile lost = new Item[10]; // 10 names, which only they lead to
    lost = nullptr;
    (void)lost;
}

[[gnu::noinline]] static void keep()
{
    kept = new Item[5];
    for (int i = 0; i < 1000; i++)
        table[i] = std::string(100, 'x');
    items = std::make_unique<std::vector<Item>>(100);
    std::thread([] { std::vector<int> numbers(1000); }).join();
    try {
        throw std::runtime_error("an exception's text, which has a block of its own");
    } catch (const std::exception &) {
    }
}

int main()
{
    keep();
    lose();
    volatile char room[16384];
    for (char volatile &byte : room)
        byte = 0;
    std::exit(0);
}
