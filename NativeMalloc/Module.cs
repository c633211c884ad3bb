using System.Runtime.CompilerServices;

// Buffers on the stack are written before they are read; zeroing them would cost the slow paths.
[module: SkipLocalsInit]
