/* Which operators new and delete the process uses, and a static program's C++ runtime. What follows from that is decided in C#. */

#include <stddef.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define WEAK __attribute__((weak))

/*
 * The basic ones, by their mangled names; what the linker binds them to is ours, or what replaced it. Weak for the archive,
 * where they are in a member that only C++ programs draw in.
 */
extern char _Znwm[] WEAK, _Znam[] WEAK, _ZnwmSt11align_val_t[] WEAK, _ZnamSt11align_val_t[] WEAK;
extern char _ZdlPv[] WEAK, _ZdaPv[] WEAK, _ZdlPvSt11align_val_t[] WEAK, _ZdaPvSt11align_val_t[] WEAK;

/* C#: Operators. */
static const void *const in_use[] = {
    _Znwm, _Znam, _ZnwmSt11align_val_t, _ZnamSt11align_val_t, _ZdlPv, _ZdaPv, _ZdlPvSt11align_val_t, _ZdaPvSt11align_val_t,
};

HIDDEN int nm_is_own_function(const void *function);

HIDDEN const void *const *nm_operators_in_use(void)
{
    return in_use;
}

HIDDEN int nm_operators_are_replaced(void)
{
    for (size_t i = 0; i < sizeof in_use / sizeof *in_use; i++)
        if (!nm_is_own_function(in_use[i]))
            return 1;
    return 0;
}

/* In a program that links the archive: static/cxx.S. */
extern const void *const nm_linked_cxx_runtime[2] WEAK HIDDEN;

HIDDEN const void *const *nm_static_cxx_runtime(void)
{
    return nm_linked_cxx_runtime;
}
