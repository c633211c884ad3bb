// A program in C that loads the runtime into itself by nethost and hostfxr, and calls a method: host CONFIGURATION ASSEMBLY.
// Ends with 0 if the method's answer is right, and says that the library is in use.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coreclr_delegates.h>
#include <hostfxr.h>
#include <nethost.h>

static void *function(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "host: no %s\n", name);
        exit(1);
    }
    return found;
}

static void check(const char *what, int result)
{
    if (result < 0) {
        fprintf(stderr, "host: %s: %#x\n", what, result);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    char path[4096];
    size_t size = sizeof path;
    if (argc != 3)
        return 2;
    check("get_hostfxr_path", get_hostfxr_path(path, &size, NULL));
    void *hostfxr = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!hostfxr) {
        fprintf(stderr, "host: %s\n", dlerror());
        return 1;
    }

    hostfxr_handle context = NULL;
    check("initialize", ((hostfxr_initialize_for_runtime_config_fn)function(hostfxr, "hostfxr_initialize_for_runtime_config"))(argv[1], NULL, &context));
    load_assembly_and_get_function_pointer_fn load = NULL;
    check("get_runtime_delegate", ((hostfxr_get_runtime_delegate_fn)function(hostfxr, "hostfxr_get_runtime_delegate"))(
        context, hdt_load_assembly_and_get_function_pointer, (void **)&load));
    check("close", ((hostfxr_close_fn)function(hostfxr, "hostfxr_close"))(context));
    component_entry_point_fn answer = NULL;
    check("load", load(argv[2], "NativeMalloc.Subject.Program, Subject", "Answer", NULL, NULL, (void **)&answer));

    for (int i = 0; i < 10; i++) {
        // What the host allocates the method reads.
        int *number = malloc(sizeof *number);
        *number = i;
        int result = answer(number, sizeof *number);
        if (result != 1000 + i + (int)sizeof *number) {
            fprintf(stderr, "host: the answer is %d\n", result);
            return 1;
        }
        free(number);
    }
    puts("right");
    return 0;
}
