#pragma warning disable CS0169 // the compiler fixes the layout of the primitives; their fields are never named

namespace System
{
    public class Object
    {
        // The one field that every object starts with; preinitialised objects carry it, nobody reads it here.
        private IntPtr _methodTable;

        public Object() { }
    }

    public abstract class ValueType { }

    public abstract class Enum : ValueType { }

    public struct Void { }

    public struct Boolean { private bool _value; }

    public struct Char { private char _value; }

    public struct SByte { private sbyte _value; }

    public struct Byte { private byte _value; }

    public struct Int16 { private short _value; }

    public struct UInt16 { private ushort _value; }

    public struct Int32
    {
        public const int MaxValue = 0x7fffffff;

        private int _value;
    }

    public struct UInt32 { private uint _value; }

    public struct Int64
    {
        public const long MaxValue = 0x7fffffffffffffff;

        private long _value;
    }

    public struct UInt64
    {
        public const ulong MaxValue = 0xffffffffffffffff;

        private ulong _value;
    }

    public struct IntPtr { private nint _value; }

    public struct UIntPtr { private nuint _value; }

    public struct Single { private float _value; }

    public struct Double { private double _value; }

    public struct Nullable<T> where T : struct
    {
        private readonly bool _hasValue;
        private T _value;
    }

    public abstract class Delegate { }

    public abstract class MulticastDelegate : Delegate { }

    public sealed class String
    {
        // Layout known to the compiler: the length, then the characters.
        private readonly int _length;
        private char _firstChar;
    }

    public abstract class Array
    {
        private readonly int _length;
    }

    public class Array<T> : Array { }

    public struct RuntimeTypeHandle { private IntPtr _value; }

    public struct RuntimeMethodHandle { }

    public struct RuntimeFieldHandle { }

    public abstract class Type { }

    public class Exception { }
}
