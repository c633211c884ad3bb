// Methods that the compiler replaces by instructions. A body that calls itself is never compiled: ILC must expand the
// call, and the build fails where it did not (see build.sh, "gates").

using System.Runtime.CompilerServices;

#pragma warning disable CS0649 // the volatile views are only read through

namespace System.Threading
{
    public static class Interlocked
    {
        [Intrinsic]
        public static int CompareExchange(ref int location1, int value, int comparand) => CompareExchange(ref location1, value, comparand);

        [Intrinsic]
        public static long CompareExchange(ref long location1, long value, long comparand) => CompareExchange(ref location1, value, comparand);

        [Intrinsic]
        public static int Exchange(ref int location1, int value) => Exchange(ref location1, value);

        [Intrinsic]
        public static long Exchange(ref long location1, long value) => Exchange(ref location1, value);

        [Intrinsic]
        public static int ExchangeAdd(ref int location1, int value) => ExchangeAdd(ref location1, value);

        [Intrinsic]
        public static long ExchangeAdd(ref long location1, long value) => ExchangeAdd(ref location1, value);

        public static long Increment(ref long location) => ExchangeAdd(ref location, 1) + 1;

        public static int Increment(ref int location) => ExchangeAdd(ref location, 1) + 1;

        public static long Add(ref long location1, long value) => ExchangeAdd(ref location1, value) + value;
    }

    public static class Volatile
    {
        private struct VolatileInt32 { public volatile int Value; }

        private struct VolatileUInt32 { public volatile uint Value; }

        private struct VolatileIntPtr { public volatile nint Value; }

        private struct VolatileUIntPtr { public volatile nuint Value; }

        [Intrinsic]
        public static int Read(ref readonly int location) => Unsafe.As<int, VolatileInt32>(ref Unsafe.AsRef(in location)).Value;

        [Intrinsic]
        public static uint Read(ref readonly uint location) => Unsafe.As<uint, VolatileUInt32>(ref Unsafe.AsRef(in location)).Value;

        [Intrinsic]
        public static nint Read(ref readonly nint location) => Unsafe.As<nint, VolatileIntPtr>(ref Unsafe.AsRef(in location)).Value;

        [Intrinsic]
        public static long Read(ref readonly long location) => Unsafe.As<long, VolatileIntPtr>(ref Unsafe.AsRef(in location)).Value;

        [Intrinsic]
        public static ulong Read(ref readonly ulong location) => Unsafe.As<ulong, VolatileUIntPtr>(ref Unsafe.AsRef(in location)).Value;

        [Intrinsic]
        public static void Write(ref int location, int value) => Unsafe.As<int, VolatileInt32>(ref location).Value = value;

        [Intrinsic]
        public static void Write(ref nint location, nint value) => Unsafe.As<nint, VolatileIntPtr>(ref location).Value = value;
    }
}

namespace System.Numerics
{
    public static class BitOperations
    {
        [Intrinsic]
        public static int TrailingZeroCount(ulong value) => TrailingZeroCount(value);

        [Intrinsic]
        public static int LeadingZeroCount(ulong value) => LeadingZeroCount(value);
    }
}

namespace System.Runtime.CompilerServices
{
    public static unsafe class Unsafe
    {
        [Intrinsic]
        public static ref TTo As<TFrom, TTo>(ref TFrom source) => ref As<TFrom, TTo>(ref source);

        [Intrinsic]
        public static ref T AsRef<T>(ref readonly T source) => ref AsRef<T>(in source);

        [Intrinsic]
        public static ref T Add<T>(ref T source, int elementOffset) => ref Add(ref source, elementOffset);

        [Intrinsic]
        public static void* AsPointer<T>(ref T value) => AsPointer(ref value);
    }

    public static class RuntimeFeature
    {
        public const string DefaultImplementationsOfInterfaces = nameof(DefaultImplementationsOfInterfaces);
        public const string ByRefFields = nameof(ByRefFields);
        public const string NumericIntPtr = nameof(NumericIntPtr);
        public const string UnmanagedSignatureCallingConvention = nameof(UnmanagedSignatureCallingConvention);
        public const string VirtualStaticsInInterfaces = nameof(VirtualStaticsInInterfaces);
        public const string InlineArrayTypes = nameof(InlineArrayTypes);
    }
}

namespace System.Runtime.Intrinsics.X86
{
    public abstract class X86Base
    {
        [Intrinsic]
        public static void Pause() => Pause();
    }
}
