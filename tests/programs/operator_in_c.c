/* C++'s operator new in a program without a C++ runtime, for more memory than there can be. */
void *_Znwm(unsigned long size);

int main(void)
{
    return _Znwm(0x7fffffffffffff00UL) != 0;
}
