/* Does what setproctitle does in daemons: the environment moves away, and a title is written over where it was. */
#include <string.h>

#include "check.h"

extern char **environ;

int main(int argc, char **argv)
{
    CHECK(argc > 0);
    int count = 0;
    while (environ[count])
        count++;
    char *end = environ[count - 1] + strlen(environ[count - 1]);
    char **moved = malloc((count + 1) * sizeof *moved);
    for (int i = 0; i < count; i++)
        moved[i] = strdup(environ[i]);
    moved[count] = NULL;
    environ = moved;
    memset(argv[0], 'x', end - argv[0]);
    return 0;
}
