// What ILC looks up by name: helpers that compiled code may call, and types that its scanner wants to exist.
// There is no managed heap here, hence no casts, no dispatch and no exceptions: those helpers only stop the process.

using Internal.Runtime.CompilerHelpers;

namespace System
{
    // Block copies and fills that ILC does not unroll. The shim's own loops: libc's could be replaced by the program.
    internal static unsafe class SpanHelpers
    {
        internal static void Memmove(ref byte destination, ref byte source, nuint length)
        {
            fixed (byte* to = &destination, from = &source)
            {
                BlockMemory.Move(to, from, length);
            }
        }

        internal static void ClearWithoutReferences(ref byte destination, nuint length) => Fill(ref destination, 0, length);

        internal static void Fill(ref byte destination, byte value, nuint length)
        {
            fixed (byte* to = &destination)
            {
                BlockMemory.Fill(to, value, length);
            }
        }
    }

    internal static class Buffer
    {
        internal static void BulkMoveWithWriteBarrier(ref byte destination, ref byte source, nuint length) =>
            SpanHelpers.Memmove(ref destination, ref source, length);
    }
}

namespace System.Runtime
{
    internal static unsafe class TypeCast
    {
        internal static object CheckCastAny(void* type, object obj) => ThrowHelpers.Stop();

        internal static object CheckCastInterface(void* type, object obj) => ThrowHelpers.Stop();

        internal static object CheckCastClass(void* type, object obj) => ThrowHelpers.Stop();

        internal static object CheckCastClassSpecial(void* type, object obj) => ThrowHelpers.Stop();

        internal static object IsInstanceOfAny(void* type, object obj) => ThrowHelpers.Stop();

        internal static object IsInstanceOfInterface(void* type, object obj) => ThrowHelpers.Stop();

        internal static object IsInstanceOfClass(void* type, object obj) => ThrowHelpers.Stop();

        internal static bool IsInstanceOfException(void* type, object obj) => ThrowHelpers.Stop() != null;

        internal static void StelemRef(object[] array, nint index, object obj) => ThrowHelpers.Stop();

        internal static ref object LdelemaRef(object[] array, nint index, void* type) => ref array[0];
    }
}

namespace System.Runtime.InteropServices
{
    public interface IDynamicInterfaceCastable
    {
        static RuntimeTypeHandle GetDynamicInterfaceImplementation(object instance, RuntimeTypeHandle interfaceType) => default;
    }
}

namespace Internal.Runtime.CompilerHelpers
{
    using System;
    using System.Runtime;
    using System.Runtime.CompilerServices;

    internal static class ThrowHelpers
    {
        internal static void ThrowOverflowException() => Stop();

        internal static void ThrowIndexOutOfRangeException() => Stop();

        internal static void ThrowNullReferenceException() => Stop();

        internal static void ThrowDivideByZeroException() => Stop();

        internal static void ThrowInvalidProgramException() => Stop();

        internal static void ThrowPlatformNotSupportedException() => Stop();

        internal static void ThrowFeatureBodyRemoved() => Stop();

        // What the JIT raises for a check that failed: a defect of ours, so stop on the spot, under the debugger's eyes.
        [RuntimeImport("*", "nm_trap")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        internal static extern object Stop();
    }

    internal static unsafe class BlockMemory
    {
        [RuntimeImport("*", "nm_move")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        internal static extern void Move(byte* to, byte* from, nuint length);

        [RuntimeImport("*", "nm_fill")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        internal static extern void Fill(byte* to, byte value, nuint length);
    }
}
