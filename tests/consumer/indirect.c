/* Names nothing that the library defines: only libc calls malloc here. */
#include <stdio.h>

int main(void)
{
    FILE *file = fopen("/dev/null", "w");
    return file == NULL || putc('x', file) == EOF || fclose(file) != 0;
}
