using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace NativeMalloc.UnitTests;

/// <summary>The static fields of classes as they are while nothing was done, which they are again when this is disposed of.</summary>
internal sealed class Defaults(params Type[] types) : IDisposable
{
    private readonly Dictionary<FieldInfo, object> _values = types
        .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.NonPublic))
        .Where(field => !field.IsLiteral)
        .ToDictionary(field => field, field => field.GetValue(null));

    public void Dispose()
    {
        foreach ((FieldInfo field, object value) in _values)
        {
            field.SetValue(null, value is Pointer ? null : value);
        }
    }
}
