namespace NativeMalloc;

/// <summary>What an allocation does when there is no memory.</summary>
internal enum OnFailure
{
    /// <summary>Returns null, with errno ENOMEM.</summary>
    SetErrno,

    /// <summary>What operator new does.</summary>
    Throw,

    /// <summary>Returns null.</summary>
    ReturnNull,
}
