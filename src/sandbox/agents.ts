import type { Json } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { approve, chat } from './conversations.ts';
import type { Fault } from './faults.ts';
import type { Ended, Knobs, Script, ScriptedRun, View } from './script.ts';

/** What a vendor calls the things that it runs. */
export type AgentKind = 'api' | 'agent' | 'workflow';

const never = Number.POSITIVE_INFINITY;

/** The script behind a name, null where the vendor has none. Agents that wait for events exist as Restack agents only. */
export function findScript(kind: AgentKind, name: string): Script | null {
  const script = scripts.get(name) ?? null;
  return script?.hears !== undefined && kind !== 'agent' ? null : script;
}

const scripts: ReadonlyMap<string, Script> = new Map<string, Script>([
  ['echo', timed(0, echoed)],
  ['slow', timed(5_000, echoed)],
  ['fail', timed(0, failed)],
  ['cancel', timed(0, canceled)],
  ['hang', { view: () => ({ kind: 'running' }), endsAtMs: () => never }],
  ['odd-status', { view: (run) => ({ kind: 'odd', status: oddStatus(run.knobs) }), endsAtMs: () => never }],
  ['vanish', { view: viewVanishing, endsAtMs: () => never }],
  ['progress', timed(1_000, echoed, showProgress)],
  ['rate-limited', { ...timed(0, echoed), spoilStart: limitStart, spoilObserve: limitObserve }],
  ['flaky', { ...timed(0, echoed), spoilObserve: spoilInTurn }],
  ['crash-start', { ...timed(0, echoed), spoilStart: (knobs) => ({ ...refusal(knobs, 500), processed: true }) }],
  ['cut-start', { ...timed(0, echoed), spoilStart: () => ({ kind: 'cut-after' }) }],
  ['hang-start', { ...timed(0, echoed), spoilStart: () => ({ kind: 'hang', processed: true }) }],
  ['bad-start', { ...timed(0, echoed), spoilStart: (knobs) => refusal(knobs, 400) }],
  ['approve', approve],
  ['chat', chat],
  // Names that customers would choose, for the sample config.
  ['scrape-prices', timed(3_000, scraped, showProgress)],
  ['CustomerSupportAgent', timed(200, answered)],
  ['ApprovalAgent', approve],
  ['ChatAgent', chat],
  ['OrderFulfillmentWorkflow', timed(1_000, shipped)],
  ['researcher', timed(1_500, researched)],
  ['gpt-5', timed(800, answered)],
  ['web-crawler', timed(2_000, scraped)],
  ['browse', timed(1_500, browsed)],
  ['concierge', timed(500, answered)],
  ['flux-schnell', timed(1_000, drawn)],
]);

/** A script that ends after the time that its input names, or after `defaultMs`. */
function timed(
  defaultMs: number,
  end: (run: ScriptedRun, endedAtMs: number) => Ended,
  show: (run: ScriptedRun, nowMs: number, lengthMs: number) => Json | undefined = () => undefined,
): Script {
  const lengthMs = ({ delayMs, ms, seconds }: Knobs): number =>
    delayMs ?? ms ?? (seconds === undefined ? defaultMs : seconds * 1000);
  const endsAtMs = (run: ScriptedRun): number => run.begunAtMs + lengthMs(run.knobs);
  return {
    endsAtMs,
    view(run, nowMs) {
      if (nowMs >= endsAtMs(run)) return end(run, endsAtMs(run));
      const output = show(run, nowMs, lengthMs(run.knobs));
      return output === undefined ? { kind: 'running' } : { kind: 'running', output };
    },
  };
}

function echoed(run: ScriptedRun, endedAtMs: number): Ended {
  return { kind: 'completed', output: run.input, endedAtMs };
}

function failed({ knobs }: ScriptedRun, endedAtMs: number): Ended {
  const { message = 'the agent failed, as its input asked', code, category = 'execution' } = knobs;
  return { kind: 'failed', failure: { message, code, category, retirable: category === 'infrastructure' }, endedAtMs };
}

function canceled({ knobs }: ScriptedRun, endedAtMs: number): Ended {
  const { reason = 'cancelled-user-action', message = 'the run was canceled' } = knobs;
  return { kind: 'canceled', reason, message, endedAtMs };
}

function scraped({ input }: ScriptedRun, endedAtMs: number): Ended {
  const url = isJsonObject(input) && typeof input.url === 'string' ? input.url : 'https://shop.example';
  const items = ['kettle', 'teapot', 'cup'].map((name, at) => ({ name, price: 24.5 - 8 * at, currency: 'EUR', url }));
  return { kind: 'completed', output: { items, count: items.length }, endedAtMs };
}

function answered({ input }: ScriptedRun, endedAtMs: number): Ended {
  const question = isJsonObject(input) && typeof input.message === 'string' ? input.message : JSON.stringify(input);
  return { kind: 'completed', output: { response: `You wrote: ${question}`, handledBy: 'support' }, endedAtMs };
}

function shipped({ input, runId }: ScriptedRun, endedAtMs: number): Ended {
  const orderId = isJsonObject(input) && input.orderId !== undefined ? input.orderId : null;
  return { kind: 'completed', output: { orderId, shipped: true, parcel: runId.slice(-8) }, endedAtMs };
}

function researched({ input }: ScriptedRun, endedAtMs: number): Ended {
  const topic = isJsonObject(input) && typeof input.topic === 'string' ? input.topic : 'nothing in particular';
  const report = `Three sources agree about ${topic}.`;
  return { kind: 'completed', output: { report, sources: ['https://a.example', 'https://b.example'] }, endedAtMs };
}

function browsed({ input }: ScriptedRun, endedAtMs: number): Ended {
  const task = isJsonObject(input) && typeof input.task === 'string' ? input.task : 'nothing';
  return { kind: 'completed', output: { task, title: 'Example Shop', steps: 4 }, endedAtMs };
}

function drawn({ runId }: ScriptedRun, endedAtMs: number): Ended {
  return { kind: 'completed', output: [`https://files.example/${runId}/0.webp`], endedAtMs };
}

function showProgress({ knobs, begunAtMs }: ScriptedRun, nowMs: number, lengthMs: number): Json {
  const steps = knobs.steps ?? 5;
  const step = Math.floor(((nowMs - begunAtMs) / lengthMs) * steps);
  return { step, of: steps, percent: Math.floor((100 * step) / steps) };
}

function viewVanishing(run: ScriptedRun, nowMs: number): View {
  return nowMs >= run.begunAtMs + (run.knobs.ms ?? 0) ? { kind: 'forgotten' } : { kind: 'running' };
}

function oddStatus({ status }: Knobs): string {
  return typeof status === 'string' ? status : 'rescheduled';
}

function refusal({ status, message }: Knobs, defaultStatus: number): Fault {
  return { kind: 'status', status: typeof status === 'number' ? status : defaultStatus, message };
}

function limit(knobs: Knobs): Fault {
  return { ...refusal(knobs, 429), retryAfterSeconds: knobs.retryAfterSeconds ?? 1 };
}

function limitStart(knobs: Knobs, earlier: number): Fault | null {
  return (knobs.on ?? 'start') === 'start' && earlier < (knobs.times ?? 2) ? limit(knobs) : null;
}

function limitObserve(knobs: Knobs, earlier: number): Fault | null {
  return knobs.on === 'observe' && earlier < (knobs.times ?? 2) ? limit(knobs) : null;
}

const turns: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'malformed' },
  { kind: 'cut-after' },
  { kind: 'wrong-shape' },
];

function spoilInTurn(knobs: Knobs, earlier: number): Fault | null {
  return earlier < (knobs.times ?? turns.length) ? (turns[earlier % turns.length] ?? null) : null;
}
