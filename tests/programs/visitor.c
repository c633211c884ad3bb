/* A library for walked: calls back from a frame of FRAME bytes. */
void visit(void (*function)(void), void **return_address)
{
    volatile char room[FRAME];
    room[0] = 1;
    *return_address = __builtin_return_address(0);
    function();
    room[FRAME - 1] = 1;
}
