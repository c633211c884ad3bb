// Each test looks at the one heap that there is.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
