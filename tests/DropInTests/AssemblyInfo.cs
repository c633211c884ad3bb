using Xunit;

// Two test classes at a time: the programs bring threads of their own.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
