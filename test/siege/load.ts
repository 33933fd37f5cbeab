/**
 * The others: tenants that create, read, await, follow and search runs at a steady rate, in a process of their own. No
 * call waits for another, so that a gateway that stops is met by every call of that time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { answerCommands } from './companion.ts';
import { keyOf } from './config.ts';
import { Front } from './front.ts';

/** What the others met in one part of the siege. */
export type PartReport = {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From a run's end at its vendor to the answer that says so. */
  readonly endP50Ms: number;
  readonly endP99Ms: number;
  readonly runs: number;
  readonly ended: number;
  /** What went otherwise than it should have, in words. */
  readonly wrong: readonly string[];
};

type Part = {
  readonly tookMs: number[];
  readonly endsMs: number[];
  readonly wrong: Map<string, number>;
  runs: number;
  ended: number;
};

const createsASecond = 12;
const readsASecond = 120;
const searchesASecond = 3;
const maxRunMs = 600;
/** A run that has not ended by then is lost. */
const patienceMs = 20_000;
const agents = ['quick', 'shared', 'desk'] as const;

const parts = new Map<string, Part>();
const made: { readonly id: string; readonly key: string; readonly n: string }[] = [];
const live = new Set<Promise<void>>();
let current = 'none';
let front: Front;
let over = false;
let calling: Promise<unknown> = Promise.resolve();

function partOf(name: string): Part {
  const known = parts.get(name) ?? { tookMs: [], endsMs: [], wrong: new Map(), runs: 0, ended: 0 };
  parts.set(name, known);
  return known;
}

/** Counts by kind; numbers differ, and the kind is what matters. */
function noteWrong(part: Part, words: string): void {
  const kind = words.slice(0, 300);
  part.wrong.set(kind, (part.wrong.get(kind) ?? 0) + 1);
}

async function timed(part: Part, sentMs: number, call: () => ReturnType<Front['ask']>): Promise<string | null> {
  try {
    const { status, text } = await call();
    part.tookMs.push(performance.now() - sentMs);
    if (status === 200) return text;
    noteWrong(part, `a call was answered ${status}: ${text.slice(0, 120)}`);
  } catch (error) {
    part.tookMs.push(performance.now() - sentMs);
    noteWrong(part, `a call failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}

async function runOne(count: number, sentMs: number): Promise<void> {
  const part = partOf(current);
  part.runs += 1;
  const key = keyOf(count % 2 === 0 ? 'north' : 'south');
  const n = `calm-${count}`;
  const ms = (count * 97) % maxRunMs;
  const body = { agent_id: agents[count % agents.length], input: { n, ms } };
  const created = await timed(part, sentMs, () => front.ask('POST', '/runs', { key, body }));
  if (created === null) return;
  const id = /"run_id":"([^"]+)"/.exec(created)?.[1] ?? '';
  made.push({ id, key, n });
  const startedMs = performance.now();
  const path = count % 4 < 2 ? `/runs/${id}/output?block_timeout=20` : `/runs/${id}/stream`;
  try {
    const { status, text } = await front.ask('GET', path, { key, patienceMs });
    const isRight = status === 200 && text.includes('"success"') && text.includes(`"n":"${n}"`);
    if (isRight) {
      part.ended += 1;
      part.endsMs.push(Math.max(0, performance.now() - startedMs - ms));
    } else noteWrong(part, `a run of ${body.agent_id} did not end as it should: ${status} ${text.slice(-200)}`);
  } catch (error) {
    noteWrong(part, `a run of ${body.agent_id} did not end: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function read(count: number, sentMs: number): Promise<void> {
  const run = made[made.length - 1 - ((count * 31) % Math.min(made.length, 300))];
  if (run === undefined) return;
  await timed(partOf(current), sentMs, () => front.ask('GET', `/runs/${run.id}`, { key: run.key }));
}

async function search(count: number, sentMs: number): Promise<void> {
  const key = keyOf(count % 2 === 0 ? 'north' : 'south');
  await timed(partOf(current), sentMs, () => front.ask('POST', '/runs/search', { key, body: { limit: 10 } }));
}

/** Calls at a steady rate whether or not earlier ones are answered. */
async function keepCalling(aSecond: number, call: (count: number, sentMs: number) => Promise<void>): Promise<void> {
  const firstMs = performance.now();
  for (let count = 0; !over; count += 1) {
    const dueMs = firstMs + (count * 1000) / aSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    if (over) return;
    // From when it is sent: what this process is late is not the gateway's doing, and no call waits for another.
    const called = call(count, performance.now()).finally(() => live.delete(called));
    live.add(called);
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}

function reportOf(name: string): PartReport {
  const part = partOf(name);
  const calls = part.tookMs.toSorted((a, b) => a - b);
  const ends = part.endsMs.toSorted((a, b) => a - b);
  return {
    calls: calls.length,
    p50Ms: at(calls, 0.5),
    p99Ms: at(calls, 0.99),
    endP50Ms: at(ends, 0.5),
    endP99Ms: at(ends, 0.99),
    runs: part.runs,
    ended: part.ended,
    wrong: [...part.wrong].map(([words, count]) => `${words}${count > 1 ? ` (${count} times)` : ''}`),
  };
}

answerCommands({
  start: ({ url }: { readonly url: string }) => {
    front = new Front(url, 128);
    calling = Promise.all([
      keepCalling(createsASecond, runOne),
      keepCalling(readsASecond, read),
      keepCalling(searchesASecond, search),
    ]);
  },
  /** Calls from now on belong to the named part. */
  enter: (name: string) => {
    current = name;
  },
  /** What was met in a part, once all that was begun until now has ended. */
  report: async (name: string) => {
    await Promise.all([...live]);
    return reportOf(name);
  },
  stop: async () => {
    over = true;
    await calling;
    await Promise.all([...live]);
  },
  /** Reads every run of the others again. Numbers of those that are not there, or are not as they were. */
  missing: async () => {
    const missing: string[] = [];
    for (let at = 0; at < made.length; at += 16) {
      await Promise.all(
        made.slice(at, at + 16).map(async ({ id, key, n }) => {
          const { status, text } = await front.ask('GET', `/runs/${id}/output`, { key });
          if (status !== 200 || !text.includes(`"n":"${n}"`)) missing.push(`${n}: ${status} ${text.slice(0, 100)}`);
        }),
      );
    }
    return missing;
  },
});
