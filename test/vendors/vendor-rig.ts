import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { createVendorAdapter } from '../../adapters/http/adapter.ts';
import type { VendorFile } from '../../adapters/http/schema.ts';
import { loadVendor, type Vendor } from '../../src/config/vendor-files.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import { assertNever } from '../../src/contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { type CaseAnswered, type CaseStep, casesSchema, type VendorCases } from '../../src/vendors/case-schema.ts';
import { madeUpUpstream } from '../../src/vendors/made-up-values.ts';
import { casesFileOf } from '../../src/vendors/vendor-cases.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';

/** Where the tests answer for the vendor's token service. */
export const tokenPath = '/token-of-the-test';
const runId = '0199c5a0-0000-7000-8000-000000000001';

/** A call of the gateway at a vendor; `result` is an observation with the one result that is named. */
export type VendorStep =
  | { readonly on: 'start' | 'find' | 'observe' | 'resume' | 'cancel' }
  | { readonly on: 'result'; readonly name: string };

export type CasesOfFile = VendorCases & { readonly steps: readonly CaseStep[] };

function readCases(vendorFile: string): CasesOfFile {
  const cases = casesSchema.parse(parse(readFileSync(casesFileOf(vendorFile), 'utf8'), { merge: true }));
  return { ...cases, steps: cases.cases.flatMap(({ steps }) => steps) };
}

/** The calls that a file has. */
export function stepsOf({ find, resume, cancel, results }: VendorFile): readonly VendorStep[] {
  return [
    { on: 'start' },
    ...(find === undefined ? [] : [{ on: 'find' } as const]),
    { on: 'observe' },
    ...(resume === undefined ? [] : [{ on: 'resume' } as const]),
    ...(cancel === undefined ? [] : [{ on: 'cancel' } as const]),
    ...Object.keys(results ?? {}).map((name) => ({ on: 'result', name }) as const),
  ];
}

/** What the cases answer to an observation, with the addresses of the test's server in place of the vendor's hosts. */
export function observedAnswers({ steps }: CasesOfFile, url: string): readonly Exclude<CaseAnswered, string>[] {
  const seen = steps
    .filter((step) => step.do === 'observe')
    // Answers that are followed by requests for results come first: these have what such requests need.
    .toSorted((a, b) => (b.calls?.length ?? 0) - (a.calls?.length ?? 0))
    .map((step) => step.calls?.[0]?.answered ?? step.answered);
  const answers = seen.filter((each) => each !== undefined && typeof each !== 'string' && each.status === 200);
  return answers.map((each) => moveTo(url, each) as Exclude<CaseAnswered, string>);
}

/** A vendor file that is tried out, with what its mapping makes of the input and the payload of its cases. */
export type Subject = {
  readonly name: string;
  readonly vendor: Vendor;
  readonly cases: CasesOfFile;
  readonly payloads: Payloads;
};

type Payloads = { readonly input: Json; readonly config: JsonObject; readonly resumption: Json };

/** Reads a vendor file with its cases. */
export async function readSubject(name: string, vendorFile: string): Promise<Subject> {
  const vendor = await loadVendor(vendorFile);
  const cases = readCases(vendorFile);
  return { name, vendor, cases, payloads: await payloadsOf(vendor, cases) };
}

async function payloadsOf({ mapping, file }: Vendor, { cases, steps }: CasesOfFile): Promise<Payloads> {
  const compiled = compileMapping([mapping]);
  if (compiled.kind === 'refused') throw new TypeError('the mapping of a checked file was refused');
  const own = cases.find((each) => each.steps[0]?.do === 'start')?.given;
  const config = (own?.config ?? {}) as JsonObject;
  const context = { input: (own?.input ?? {}) as Json, messages: [], config, metadata: {}, state: null, history: [] };
  const input = await compiled.mapping.input({ ...context, agent: { name: 'writer', version: '1' } });
  const payload = (steps.find((step) => step.do === 'resume')?.payload ?? {}) as Json;
  const run = { run_id: runId, upstream: madeUpUpstream(file) };
  return { input, config, resumption: await compiled.mapping.resume({ payload, interrupt: {}, run }) };
}

/** One account at a vendor whose every host is a server of the test. */
export class VendorRig {
  readonly secrets: readonly string[];
  readonly #subject: Subject;
  readonly #connection: Connection;
  readonly #target: unknown;
  readonly #upstream: Upstream;

  constructor(subject: Subject, { url, timeoutMs }: { readonly url: string; readonly timeoutMs: number }) {
    const { vendor, cases } = subject;
    this.#subject = subject;
    const adapter = createVendorAdapter(moveFile(vendor.file, url));
    const settings = adapter.settings.parse(moveTo(url, cases.given?.settings ?? {}));
    const given = cases.cases.find(({ given: own }) => own?.target !== undefined)?.given?.target;
    this.#target = adapter.target.parse(moveTo(url, { ...cases.given?.target, ...given }));
    this.secrets = adapter.secretsOf(settings);
    this.#upstream = connectUpstream({
      ...{ ...upstreamOptions, baseUrl: url, timeoutMs, secrets: this.secrets },
      exceptions: parseExceptions(['127.0.0.1']),
    });
    this.#connection = adapter.connect(settings, this.#upstream.client, createExpressionCompiler());
  }

  /** Makes a call; rejects with its fault. */
  async call({ on }: VendorStep): Promise<unknown> {
    const { vendor, payloads } = this.#subject;
    const upstream = madeUpUpstream(vendor.file);
    const { input, config, resumption } = payloads;
    const sink = vendor.file.push?.perRun === true ? { url: 'https://runs.example/push' } : undefined;
    switch (on) {
      case 'start':
        return await this.#connection.start({ target: this.#target, input, config, sink, runId });
      case 'find':
        return await this.#connection.adoption?.find?.({ target: this.#target, config, runId, sentAtMs: 0 });
      case 'resume':
        return await this.#connection.resume?.(this.#target, upstream, resumption, `${runId}.1`);
      case 'cancel':
        return await this.#connection.cancel?.(this.#target, upstream);
      case 'observe':
      case 'result':
        return await this.#connection.observe(this.#target, upstream);
      default:
        return assertNever(on);
    }
  }

  async close(): Promise<void> {
    await this.#upstream.close();
  }
}

/** The file with one result only, asked for whatever the target says; its faults stay. */
export function withOneResult(subject: Subject, name: string): Subject {
  const { vendor } = subject;
  const { when: _, ...result } = vendor.file.results?.[name] ?? failWithout(name);
  return { ...subject, vendor: { ...vendor, file: { ...vendor.file, results: { [name]: result } } } };
}

/** The file without its results, so that each call is one request. */
export function withoutResults(subject: Subject): Subject {
  const { vendor } = subject;
  const faults = vendor.file.faults.filter(({ on }) => on !== 'result');
  return { ...subject, vendor: { ...vendor, file: { ...vendor.file, results: undefined, faults } } };
}

function failWithout(name: string): never {
  throw new TypeError(`there is no result ${name}`);
}

function moveFile(file: VendorFile, url: string): VendorFile {
  const { auth } = file;
  const oauth2 = auth?.oauth2 && { ...auth.oauth2, tokenUrl: `${url}${tokenPath}` };
  return {
    ...(moveTo(url, { ...file, auth: undefined }) as VendorFile),
    auth: auth && (oauth2 === undefined ? auth : { ...auth, oauth2 }),
  };
}

/** The value with every address in it replaced by that of the server, and their paths kept. */
function moveTo(url: string, value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/https?:\/\/[\w.-]+(?::\d+)?/g, url);
  if (Array.isArray(value)) return value.map((each) => moveTo(url, each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, moveTo(url, each)]));
}
