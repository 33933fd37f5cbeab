import type { Thread, ThreadKey } from '../../contract/domain/thread.ts';

/** A thread without history. */
export function emptyThread(
  key: ThreadKey,
  nowMs: number,
  more: Partial<Pick<Thread, 'agentId' | 'metadata' | 'name'>> = {},
): Thread {
  return {
    ...key,
    name: null,
    agentId: null,
    metadata: {},
    status: 'idle',
    values: null,
    messages: [],
    activeRunId: null,
    session: null,
    version: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    ...more,
  };
}
