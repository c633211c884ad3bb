using Xunit;

// The page map, the metadata and the heap are one for the process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
