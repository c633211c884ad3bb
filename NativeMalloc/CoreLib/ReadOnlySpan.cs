namespace System
{
    /// <summary>Enough of ReadOnlySpan for text literals ("..."u8).</summary>
    public readonly ref struct ReadOnlySpan<T>
    {
        private readonly ref T _reference;
        private readonly int _length;

        public unsafe ReadOnlySpan(void* pointer, int length)
        {
            _reference = ref System.Runtime.CompilerServices.Unsafe.As<byte, T>(ref *(byte*)pointer);
            _length = length;
        }

        // The compiler asks for these by name; for literals it calls the one above.
        public ReadOnlySpan(T[] array) => this = default;

        public ReadOnlySpan(T[] array, int start, int length) => this = default;

        public int Length => _length;

        public ref readonly T this[int index] => ref System.Runtime.CompilerServices.Unsafe.Add(ref _reference, index);
    }
}
