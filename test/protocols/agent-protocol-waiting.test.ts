import { expect, test } from 'vitest';
import type { ThreadEvent } from '../../src/contract/domain/event.ts';
import type { RunPhase } from '../../src/contract/domain/run.ts';
import { encodeThreadEvent } from '../../src/protocols/shared/thread-stream/streaming-events.ts';
import { runId } from './scripted-api.ts';

const channels = ['values', 'messages', 'lifecycle', 'input', 'custom'];

test.each(['queued', 'running', 'resuming'] satisfies RunPhase[])(
  "in a thread's stream, a wait in phase %s begins nothing and answers nothing",
  (phase) => {
    const change = { kind: 'phase', phase, note: 'waiting for it', waiting: 'rate-limited' } as const;
    const event: ThreadEvent = { runId, seq: 7, atMs: 1, status: 'pending', change, threadSeq: 9 };
    const frames = encodeThreadEvent(event, { channels });
    expect(frames.map(({ method, data }) => [method, (data.params as { data: unknown }).data])).toEqual([
      ['custom', { name: 'phase', payload: { phase, note: 'waiting for it', waiting: 'rate-limited' } }],
    ]);
  },
);
