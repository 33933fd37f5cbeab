import { setTimeout } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { z } from 'zod';
import { answers } from '../protocols/admin/answers.ts';
import { CommandFailure, exitCodes, say } from './command.ts';
import type { GatewayClient } from './gateway-client.ts';
import { paint, printable, styleOfStatus } from './terminal.ts';

type Report = z.output<typeof answers.RunReport>;

/** Pause before a stream that was cut off is opened again. */
const reopenMs = 1000;

/** Prints what happens to a run until it ends or asks something. Resolves with the exit code of its status. */
export async function watchRun(client: GatewayClient, runId: string): Promise<number> {
  const path = `/admin/v1/runs/${encodeURIComponent(runId)}`;
  const shown = new Map<string, number>();
  const look = async (): Promise<Report> => {
    const { value } = await client.ask(answers.RunReport, { path });
    const seen = new Map<string, number>();
    for (const entry of value.timeline) {
      // Entries of a kind are told apart by their order: times of some move while the run goes on.
      const nth = (seen.get(entry.kind) ?? 0) + 1;
      seen.set(entry.kind, nth);
      if (entry.kind === 'looks' || nth <= (shown.get(entry.kind) ?? 0)) continue;
      shown.set(entry.kind, nth);
      await say(`${paint('dim', entry.at.slice(11, 23))}  ${entry.kind.padEnd(9)}  ${printable(entry.text)}\n`);
    }
    return value;
  };
  for (;;) {
    // Opened before the look, so that no change falls between the two.
    const ending = new AbortController();
    const changes = readChanges(client, ending.signal);
    try {
      for await (const change of changes) {
        if (change.kind !== 'reset' && change.run_id !== runId) continue;
        const { phase, status } = await look();
        if (phase !== 'done' && phase !== 'interrupted') continue;
        await say(`${paint(styleOfStatus(status), status)}\n`);
        return exitCodeOf(status);
      }
    } finally {
      ending.abort();
    }
    await setTimeout(reopenMs);
  }
}

/** Changes until the stream is cut off. It begins with `reset`. */
export async function* readChanges(client: GatewayClient, signal: AbortSignal) {
  const { body } = await client.open({ path: '/admin/v1/stream', headers: { accept: 'text/event-stream' }, signal });
  if (body === null) return;
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  try {
    for await (const { data } of events) {
      const change = answers.Change.safeParse(JSON.parse(data));
      if (change.success) yield change.data;
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    // Cut off: the gateway may have been restarted.
  }
}

/** The exit code of a run that has ended, or asks something, with this status. */
export function exitCodeOf(status: Report['status']): number {
  switch (status) {
    case 'success':
      return exitCodes.ok;
    case 'timeout':
      return exitCodes.runTimeout;
    case 'interrupted':
      return exitCodes.runInterrupted;
    default:
      return exitCodes.runError;
  }
}
