// Names neither malloc nor the library: only libstdc++ calls malloc here.
int main()
{
    int *number = new int(3);
    int result = *number - 3;
    delete number;
    return result;
}
