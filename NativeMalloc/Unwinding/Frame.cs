using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>What a step from a frame to the one that it returns to has led to.</summary>
internal enum FrameStep
{
    /// <summary>A caller.</summary>
    Called,

    /// <summary>A function that a signal interrupted.</summary>
    Interrupted,

    /// <summary>There is no caller.</summary>
    Outermost,

    /// <summary>There may be one.</summary>
    Lost,

    /// <summary>It is not where it should be.</summary>
    Unreadable,

    /// <summary>Nor does anything say that the frame itself is one: its address follows no call.</summary>
    Astray,

    /// <summary>It is a function's first instruction: nobody has called it, so that somebody has laid out the stack by hand, with this function below all.</summary>
    LaidByHand,
}

/// <summary>Steps from frame to frame, by the objects' tables; where none describes a frame, by <see cref="FramePointer"/>.</summary>
internal static unsafe class Frame
{
    /// <summary>
    /// Makes the registers those of the caller of the function that the address is in: that of the call which it is at, or, in one that was
    /// interrupted, that of the next instruction.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FrameStep StepOut(Workspace* work, nuint address, bool isInterrupted)
    {
        FrameRule rule = RuleFor(work, address);
        if (rule.Kind is not (FrameRuleKind.FromRsp or FrameRuleKind.FromRbp))
        {
            return StepOutBy(work, rule, address, isInterrupted);
        }

        int register = rule.Kind == FrameRuleKind.FromRsp ? Registers.Rsp : Registers.Rbp;
        FrameStep step = Apply(work, rule, work->Registers.Values[register] + rule.CfaOffset);
        return step == FrameStep.Called && work->Registers.Values[Registers.Rip] == 0 ? FrameStep.Outermost : step;
    }

    // By a rule that is not one of nearly all.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FrameStep StepOutBy(Workspace* work, FrameRule rule, nuint address, bool isInterrupted)
    {
        FrameStep step;
        switch (rule.Kind)
        {
            case FrameRuleKind.Described:
                step = ApplyDescribed(work, rule.Description, address);
                break;
            case FrameRuleKind.Outermost:
                return FrameStep.Outermost;
            default:
                step = FramePointer.StepOut(work, isInterrupted);
                step = step == FrameStep.Astray && IsFunction(work, address + 1) ? FrameStep.LaidByHand : step;
                break;
        }

        return step == FrameStep.Called && work->Registers.Values[Registers.Rip] == 0 ? FrameStep.Outermost : step;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FrameRule RuleFor(Workspace* work, nuint address)
    {
        CodeObject* code = NearObjects.Find(work, address);
        if (code == null)
        {
            return FrameRule.None;
        }

        if (code->BuildId == 0 && !LoadedObjects.Stays(code))
        {
            return WorkOut(work, code, address); // the next at its place may look the same
        }

        ulong key = Hash.Add(code->Identity, address);
        FrameRule rule = work->Shared->Rules.Get(key);
        return rule.Kind != FrameRuleKind.Unknown ? rule : WorkOut(work, code, address, key);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FrameRule WorkOut(Workspace* work, CodeObject* code, nuint address, ulong key)
    {
        FrameRule rule = WorkOut(work, code, address);
        work->Shared->Rules.Put(key, rule);
        return rule;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]

    private static FrameRule WorkOut(Workspace* work, CodeObject* code, nuint address)
    {
        if (code->Frames == 0 || !FrameTable.TryFind(&work->Pages, code->Frames, address, &work->Description, out byte* entry) ||
            !FrameProgram.TryRun(work, address))
        {
            return FrameRule.None;
        }

        return FrameRule.Of(&work->Rules, entry, work->Description.IsSignalFrame);
    }

    private static bool IsFunction(Workspace* work, nuint address)
    {
        CodeObject* code = NearObjects.Find(work, address);
        return code != null && code->Frames != 0 && FrameTable.TryFind(&work->Pages, code->Frames, address, &work->Description, out _) &&
            work->Description.Start == address;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FrameStep Apply(Workspace* work, FrameRule rule, ulong cfa)
    {
        ulong* values = work->Registers.Values;
        ulong stack = values[Registers.Rsp];
        if (cfa <= stack)
        {
            return FrameStep.Lost; // a stack grows down, so that callers lie above
        }

        if (!work->Pages.HasStack((nuint)stack, (nuint)cfa))
        {
            return ApplyByWords(work, rule, cfa);
        }

        ulong saved = rule.Saved;
        for (int i = 0; saved != 0; i++, saved >>= FrameRule.SavedBits)
        {
            ulong bytes = saved % FrameRule.MostSaved * FrameRule.Word;
            if (bytes > cfa - stack)
            {
                return ApplyByWords(work, rule, cfa);
            }

            if (bytes != 0)
            {
                values[FrameRule.KeptRegister(i)] = *(ulong*)(cfa - bytes);
            }
        }

        values[Registers.Rsp] = cfa;
        values[Registers.Rip] = *(ulong*)(cfa - sizeof(ulong));
        return FrameStep.Called;
    }

    // The same, from its beginning, where the frame is not all on the part of the stack that is known.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FrameStep ApplyByWords(Workspace* work, FrameRule rule, ulong cfa)
    {
        ulong* values = work->Registers.Values;
        ulong saved = rule.Saved;
        for (int i = 0; saved != 0; i++, saved >>= FrameRule.SavedBits)
        {
            ulong words = saved % FrameRule.MostSaved;
            if (words != 0 && !work->Pages.TryRead((nuint)(cfa - words * FrameRule.Word), out values[FrameRule.KeptRegister(i)]))
            {
                return FrameStep.Unreadable;
            }
        }

        values[Registers.Rsp] = cfa;
        if (!work->Pages.TryRead((nuint)(cfa - sizeof(ulong)), out values[Registers.Rip]))
        {
            return FrameStep.Unreadable;
        }

        work->Pages.BeginStack((nuint)(cfa - sizeof(ulong))); // which is there: callers lie above
        return FrameStep.Called;
    }

    private static FrameStep ApplyDescribed(Workspace* work, byte* description, nuint address)
    {
        if (!work->Description.TryRead(&work->Pages, description) || !FrameProgram.TryRun(work, address))
        {
            return FrameStep.Lost;
        }

        FrameRules* rules = &work->Rules;
        ulong cfa;
        if (rules->CfaRegister != FrameRules.ByExpression)
        {
            cfa = work->Registers.Values[rules->CfaRegister] + (ulong)rules->CfaOffset;
        }
        else if (!FrameExpression.TryEvaluate(work, rules->CfaOffset, 0, out cfa))
        {
            return FrameStep.Lost;
        }

        work->Caller = work->Registers;
        work->Caller.Values[Registers.Rsp] = cfa;
        for (int register = 0; register < Registers.Count; register++)
        {
            FrameStep found = Find(work, register, cfa);
            if (found != FrameStep.Called)
            {
                return found;
            }
        }

        // Callers lie above, or at the same place if the address to return to is in a register. A handler may have had a stack of its own.
        ulong least = work->Registers.Values[Registers.Rsp] + (rules->KindOf(Registers.Rip) == RuleKind.Register ? 0ul : 1);
        if (work->Caller.Values[Registers.Rsp] < least && !work->Description.IsSignalFrame)
        {
            return FrameStep.Lost;
        }

        work->Registers = work->Caller;
        return work->Description.IsSignalFrame ? FrameStep.Interrupted : FrameStep.Called;
    }

    // The caller's value of a register.
    private static FrameStep Find(Workspace* work, int register, ulong cfa)
    {
        long value = work->Rules.Values[register];
        ref ulong result = ref work->Caller.Values[register];
        ulong place;
        switch (work->Rules.KindOf(register))
        {
            case RuleKind.Saved:
                place = cfa + (ulong)value;
                break;
            case RuleKind.SavedAt:
                if (!FrameExpression.TryEvaluate(work, value, cfa, out place))
                {
                    return FrameStep.Lost;
                }

                break;
            case RuleKind.Distance:
                result = cfa + (ulong)value;
                return FrameStep.Called;
            case RuleKind.Value:
                return FrameExpression.TryEvaluate(work, value, cfa, out result) ? FrameStep.Called : FrameStep.Lost;
            case RuleKind.Register:
                if ((ulong)value >= Registers.Count)
                {
                    return FrameStep.Lost;
                }

                result = work->Registers.Values[value];
                return FrameStep.Called;
            case RuleKind.Undefined:
                return register == Registers.Rip ? FrameStep.Outermost : FrameStep.Called;
            default:
                return register == Registers.Rip ? FrameStep.Lost : FrameStep.Called; // it would be its own caller
        }

        return work->Pages.TryRead((nuint)place, out result) ? FrameStep.Called : FrameStep.Unreadable;
    }
}
