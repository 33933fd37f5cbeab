/** Stands around an evaluation that runs in a thread; calls `work` once. May throw `MappingFault` instead. */
export type EvaluationGuard = <T>(expression: string, work: () => Promise<T>) => Promise<T>;
