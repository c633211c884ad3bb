/*
 * Names that ILC's object file refers to. None of the code behind these references is reached: the library has no
 * managed entry points, no exceptions and no managed startup, and the linker's --gc-sections drops what it can.
 */

#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* The cookie of functions with stack buffers; a constant serves, since no such function is exported. */
HIDDEN uintptr_t __security_cookie = 0x2b992ddfa232;

HIDDEN void nm_trap(void);

HIDDEN void RhpFallbackFailFast(void) { nm_trap(); }
HIDDEN void RhpReversePInvoke(void *frame) { (void)frame; nm_trap(); }
HIDDEN void RhpReversePInvokeReturn(void *frame) { (void)frame; nm_trap(); }
