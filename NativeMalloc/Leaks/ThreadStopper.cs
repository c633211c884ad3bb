using System.Runtime;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Stops the process's other threads, wherever they are, and reads their registers: by ptrace, from a process that exists for this purpose and
/// shares the memory, since no thread may trace another of its own process. Where the kernel does not allow it (in some containers, under a
/// debugger), they go on.
/// </summary>
internal unsafe struct ThreadStopper
{
    private const nuint StackBytes = 64 << 10;

    /// <summary>A thread in the middle of vfork, or of a system call that cannot be interrupted, does not stop.</summary>
    private const int PatienceMilliseconds = 500;

    /// <summary>Threads that are not stopped yet may make others.</summary>
    private const int MostRounds = 16;

    private const int Detach = 17;
    private const int GetRegisterSet = 0x4204;
    private const int Seize = 0x4206;
    private const int Interrupt = 0x4207;
    private const int GeneralRegisters = 1; // NT_PRSTATUS
    private const int VectorRegisters = 2; // NT_PRFPREG

    private enum Step
    {
        /// <summary>The stopper is not to begin yet.</summary>
        Started,
        Stop,
        Stopped,
        Resume,
    }

    private ThreadList* _threads;
    private int _caller;
    private int _processId;
    private int _step;
    private byte* _stack;
    private int _patience;

    /// <summary>Stops all of them but this one, as far as that can be done.</summary>
    internal static void Stop(ThreadStopper* stopper, ThreadList* threads)
    {
        stopper->_threads = threads;
        stopper->_caller = Os.ThreadId();
        stopper->_patience = PatienceMilliseconds;
        stopper->_stack = Os.Map(StackBytes);
        if (stopper->_stack == null)
        {
            return;
        }

        ulong before = Os.BlockSignals(ulong.MaxValue); // for the stopper, which has this thread's mask
        stopper->_processId = Shim.StartThreadStopper(stopper, stopper->_stack + StackBytes);
        Os.BlockSignals(before);
        if (stopper->_processId > 0)
        {
            Os.AllowTracer(stopper->_processId);
            stopper->Go(Step.Stop);
            stopper->Await(Step.Stopped, other: stopper->_processId);
        }
    }

    /// <summary>Lets them go on.</summary>
    internal static void Resume(ThreadStopper* stopper)
    {
        if (stopper->_processId > 0)
        {
            int status;
            stopper->Go(Step.Resume);
            Os.Wait(stopper->_processId, &status, wait: true);
        }

        if (stopper->_stack != null)
        {
            Os.Unmap(stopper->_stack, StackBytes);
        }
    }

    internal readonly nuint StackStart => (nuint)_stack;

    internal readonly nuint StackEnd => (nuint)_stack + (_stack != null ? StackBytes : 0);

    /// <summary>The process of its own. It has the other's thread pointer, and so nothing here may look at thread-local storage.</summary>
    [RuntimeExport("nm_stop_threads")]
    internal static void Run(ThreadStopper* stopper)
    {
        Os.DieWithParent();
        stopper->Await(Step.Stop, other: 0);
        int seen = 0;
        for (int round = 0; round < MostRounds && stopper->_threads->Update() > 0 && seen < stopper->_threads->Count; round++)
        {
            int first = seen;
            for (; seen < stopper->_threads->Count; seen++)
            {
                stopper->Ask((*stopper->_threads)[seen]);
            }

            for (int number = first; number < seen; number++)
            {
                stopper->AwaitStop((*stopper->_threads)[number]);
            }
        }

        stopper->Go(Step.Stopped);
        stopper->Await(Step.Resume, other: 0);
        for (int number = 0; number < stopper->_threads->Count; number++)
        {
            SearchedThread* thread = (*stopper->_threads)[number];
            if (thread->IsStopped)
            {
                Os.Trace(Detach, thread->Id, 0, thread->Signal);
            }
        }
    }

    private readonly void Ask(SearchedThread* thread) =>
        thread->IsAsked = thread->Id != _caller && Os.Trace(Seize, thread->Id, 0, 0) == 0 && Os.Trace(Interrupt, thread->Id, 0, 0) == 0;

    private void AwaitStop(SearchedThread* thread)
    {
        if (!thread->IsAsked)
        {
            return;
        }

        int status = 0;
        int changed;
        while ((changed = Os.Wait(thread->Id, &status, wait: false)) == 0 && _patience-- > 0)
        {
            Os.Sleep(1);
        }

        const int StoppedMark = 0x7f;
        if (changed != thread->Id || (status & 0xff) != StoppedMark)
        {
            return; // it has ended, or does not stop
        }

        thread->IsStopped = true;
        thread->Signal = status >> 16 == 0 ? status >> 8 & 0xff : 0; // rather than the stop that was asked for
        ReadRegisters(thread, GeneralRegisters, thread->Registers, SearchedThread.RegisterWords);
        ReadRegisters(thread, VectorRegisters, thread->Vectors, SearchedThread.VectorWords);
        const int StackPointer = 19; // of struct user_regs_struct
        thread->StackPointer = (nuint)thread->Registers[StackPointer];
    }

    private static void ReadRegisters(SearchedThread* thread, int set, ulong* to, int words)
    {
        MemoryPart room = new() { Start = (nuint)to, Bytes = (nuint)(words * sizeof(ulong)) };
        Os.Trace(GetRegisterSet, thread->Id, set, (nint)(&room));
    }

    private void Go(Step step)
    {
        fixed (int* word = &_step)
        {
            Volatile.Write(ref *word, (int)step);
            Os.FutexWake(word, int.MaxValue);
        }
    }

    // Until the other one has come there, or is no more.
    private void Await(Step step, int other)
    {
        const uint LookMilliseconds = 100;
        fixed (int* word = &_step)
        {
            int now;
            while ((now = Volatile.Read(ref *word)) < (int)step)
            {
                int status;
                if (!Os.FutexWait(word, now, LookMilliseconds) && other != 0 && Os.Wait(other, &status, wait: false) != 0)
                {
                    return;
                }
            }
        }
    }
}
