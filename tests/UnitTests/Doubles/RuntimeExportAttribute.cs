namespace System.Runtime;

/// <summary>ILC's attribute, which means nothing here.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RuntimeExportAttribute(string entry) : Attribute
{
    internal string Entry { get; } = entry;
}
