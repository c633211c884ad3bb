// Memory that is held by C++'s functions, for profiles' readers to name.
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shop {

class Store {
public:
    __attribute__((noinline)) void fill(int count)
    {
        for (int i = 0; i < count; i++)
            items_.push_back(std::make_unique<char[]>(2000));
    }

    template <typename Key> __attribute__((noinline)) void index(std::map<Key, std::string> &names, int count)
    {
        for (int i = 0; i < count; i++)
            names.emplace(static_cast<Key>(i), std::string(500, 'n'));
    }

private:
    std::vector<std::unique_ptr<char[]>> items_;
};

} // namespace shop

int main()
{
    shop::Store &store = *new shop::Store; // never destroyed
    std::map<long, std::string> &names = *new std::map<long, std::string>;
    store.fill(10000);
    store.index(names, 20000);
    return 0;
}
