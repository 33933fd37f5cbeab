import fc, { type Arbitrary } from 'fast-check';
import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { ProtocolDocument } from '../protocols/protocol-document.ts';
import { judge } from './judge.ts';
import { Pool } from './pool.ts';
import { type FuzzRequest, rawRequests, requestsOf } from './requests.ts';
import { type Sent, Wire } from './wire.ts';

export type FuzzOptions = {
  readonly url: string;
  /** What stands in `Authorization`. */
  readonly authorization: string;
  /** Where protocols are mounted; each has its document there. */
  readonly prefixes: readonly string[];
  readonly cases: number;
  readonly seed: number;
  readonly onProgress?: (done: number) => Promise<void>;
};

export type FuzzReport = {
  readonly cases: number;
  readonly operations: number;
  /** How often each outcome was seen: a status, or a word. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** What went wrong, the first of it; each with the case that shows it again. */
  readonly faults: readonly string[];
};

const batchSize = 500;
const atOnce = 24;
const maxFaults = 20;

type Documented = { readonly document: ProtocolDocument | null; readonly request: FuzzRequest };

/** Sends generated, spoilt and broken requests, as many as asked for, and judges every answer. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const pool = new Pool();
  const wire = new Wire(options.url, pool, options.authorization);
  const { arbitrary, operations } = await readOperations(wire, options.prefixes);
  const outcomes: Record<string, number> = {};
  const faults: string[] = [];
  const tryOne = async ({ request, document }: Documented, name: string): Promise<void> => {
    const sent = request.kind === 'raw' ? await wire.sendRaw(request) : await wire.send(request);
    const outcome = nameOf(sent);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (sent.kind === 'answered' && (sent.status === 200 || sent.status === 201)) pool.learn(parse(sent.text));
    const fault = judge(request, sent, document);
    if (fault !== null && faults.length < maxFaults) faults.push(`case ${name}: ${show(request, wire)} ${fault}`);
  };
  for (let done = 0; done < options.cases && faults.length < maxFaults; done += batchSize) {
    const size = Math.min(batchSize, options.cases - done);
    // Each batch has its own seed, so that memory does not grow with the number of cases.
    const batch = fc.sample(arbitrary, { numRuns: size, seed: options.seed + done });
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < batch.length; at = next++) {
        const one = batch[at];
        if (one !== undefined) await tryOne(one, `${options.seed}/${done + at}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    await options.onProgress?.(done + size);
  }
  // After faults the gateway may be gone or silent; then the faults are what to report.
  if (faults.length < maxFaults) await endLiveRuns(wire);
  wire.close();
  return { cases: options.cases, operations, outcomes, faults };
}

async function readOperations(wire: Wire, prefixes: readonly string[]) {
  const rows: Arbitrary<Documented>[] = [];
  for (const prefix of prefixes) {
    const source = await wire.ask('GET', `${prefix}/openapi.json`);
    const document = new ProtocolDocument(source);
    const bare = document.operations.map((operation) => ({ ...operation, path: operation.path }));
    rows.push(
      ...bare.map((operation) => requestsOf(prefix, source, operation).map((request) => ({ request, document }))),
    );
  }
  const operations = rows.length;
  const raw = rawRequests.map((request) => ({ request, document: null }));
  const arbitrary = fc.oneof({ weight: 20, arbitrary: fc.oneof(...rows) }, { weight: 1, arbitrary: raw });
  return { arbitrary, operations };
}

/** Runs that are left over would cost processor time, and their memory would hide a leak. */
async function endLiveRuns(wire: Wire): Promise<void> {
  for (const status of ['pending', 'interrupted']) {
    for (;;) {
      const found = await wire.ask('POST', '/acp/v0.1/runs/search', { status, limit: 200 });
      const ids = Array.isArray(found) ? found.map((run: Json) => (isJsonObject(run) ? String(run.run_id) : '')) : [];
      if (ids.length === 0) break;
      for (const id of ids) await wire.ask('DELETE', `/acp/v0.1/runs/${id}`);
    }
  }
}

function nameOf(sent: Sent): string {
  return sent.kind === 'answered' ? String(sent.status) : sent.kind;
}

function show(request: FuzzRequest, wire: Wire): string {
  if (request.kind === 'raw')
    return `raw ${JSON.stringify(Buffer.from(request.bytes).toString('latin1').slice(0, 300))}`;
  const { method, operation, headers, body } = request;
  const text = typeof body === 'string' ? body : body === null ? '' : Buffer.from(body).toString('base64');
  return `${method ?? operation.method.toUpperCase()} ${wire.pathOf(request).slice(0, 300)} ${JSON.stringify(headers)} ${text.slice(0, 500)}`;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}
