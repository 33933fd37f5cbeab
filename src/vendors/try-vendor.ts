import { createVendorAdapter } from '../../adapters/http/adapter.ts';
import type { Vendor } from '../config/vendor-files.ts';
import type { Connection, StartAnswer } from '../contract/adapter/adapter.ts';
import { UpstreamFault } from '../contract/adapter/http.ts';
import type { HttpClient } from '../contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import type { UpstreamRef } from '../contract/domain/run.ts';
import { compileMapping } from '../mapping/compile.ts';
import { createExpressionCompiler } from '../mapping/expressions.ts';
import { createRedactor } from '../observability/redaction.ts';
import type { WrittenRequest } from '../upstream/call-request.ts';
import { createClient, type Transport } from '../upstream/client.ts';
import { connectUpstream } from '../upstream/connect.ts';
import type { HttpResult } from '../upstream/send-request.ts';
import { noExceptions } from '../upstream/ssrf-address.ts';
import { madeUpUpstream } from './made-up-values.ts';

export type Trial = {
  readonly baseUrl: string;
  readonly settings: unknown;
  readonly target: unknown;
  readonly input: Json;
  readonly config: JsonObject;
  /** Takes each line as it is known. */
  readonly print: (line: string) => void;
};

const runId = '0199c5a0-0000-7000-8000-000000000001';
const maxAnswerBytes = 10 * 1024 * 1024;
const maxShown = 2000;
/** Between two looks at a run that was really started. */
const lookMs = 2000;
const usualHeaders = ['accept-encoding', 'user-agent'];

/** Prints the requests that a file makes of these values, in place of sending them. */
export async function printRequests(vendor: Vendor, trial: Trial): Promise<void> {
  const { adapter, file } = vendor;
  const { print } = trial;
  const secrets = adapter.secretsOf(trial.settings);
  const redactor = createRedactor(secrets);
  const send: Transport = async (request) => {
    print(redactor.text(renderRequest(request)));
    return notSent;
  };
  const options = { baseUrl: trial.baseUrl, maxAnswerBytes, secrets, createRedactor, exceptions: noExceptions };
  const client = createClient(options, send);
  const connection = adapter.connect(trial.settings, client, createExpressionCompiler());
  const upstream = madeUpUpstream(file);
  const { target } = trial;
  const sink = file.push?.perRun === true ? { url: 'https://runs.example/push/BACKEND/TOKEN' } : undefined;
  const steps: readonly Step[] = [
    [
      'start',
      async () => connection.start({ target, input: await inputOf(vendor, trial), config: trial.config, sink, runId }),
    ],
    [
      'find',
      file.find && (async () => connection.adoption?.find?.({ target, config: trial.config, runId, sentAtMs: 0 })),
    ],
    ['observe', () => connection.observe(target, upstream)],
    ...resultSteps(vendor, { trial, client, upstream }),
    ['resume', file.resume && (async () => connection.resume?.(target, upstream, {}, `${runId}.1`))],
    ['cancel', file.cancel && (async () => connection.cancel?.(target, upstream))],
  ];
  for (const [name, ask] of steps) {
    if (ask === undefined) continue;
    print(`# ${name}`);
    await ask().catch((error: unknown) => {
      if (error instanceof MappingFault || (error instanceof UpstreamFault && error.message !== refusedMessage)) {
        print(`${error.message}\n`);
      } else if (!(error instanceof UpstreamFault)) throw error;
    });
  }
}

type Step = readonly [name: string, ask: (() => Promise<unknown>) | undefined];
type ResultSite = { readonly trial: Trial; readonly client: HttpClient; readonly upstream: UpstreamRef };

/** The requests for results, each sent as an observation would be, since no answer gives a status that asks for them. */
function resultSteps({ file }: Vendor, { trial, client, upstream }: ResultSite): readonly Step[] {
  return Object.entries(file.results ?? {}).map(([name, { on, when, url, optional: _, pages: __, ...request }]) => {
    const title = `result ${name}, on ${on.join(', ')}${when === undefined ? '' : ` when ${when}`}`;
    if (url !== undefined || request.path === undefined) {
      return [title, async () => trial.print(`GET the address that ${url} has in the vendor's answer\n`)];
    }
    // What the answer about the run has is shown by its name.
    const path = request.path.replaceAll(/\{(run(?:\.\w+)+)\}/g, (_all, words: string) => words.toUpperCase());
    const alone = { ...file, results: undefined, faults: [], observe: { ...request, path, status: "'seen'" } };
    const connection = createVendorAdapter(alone).connect(trial.settings, client, createExpressionCompiler());
    return [title, () => connection.observe(trial.target, upstream)];
  });
}

/** Starts a run at the vendor and asks for it until it is over; prints what is answered. Resolves with whether it succeeded. */
export async function sendRequests(vendor: Vendor, trial: Trial): Promise<boolean> {
  const { adapter } = vendor;
  const { print, target } = trial;
  const secrets = adapter.secretsOf(trial.settings);
  const upstreamOptions = { timeoutMs: 60_000, connectTimeoutMs: 10_000, maxConnections: 4 };
  const options = { ...upstreamOptions, baseUrl: trial.baseUrl, maxAnswerBytes, secrets, createRedactor };
  const { client, close } = connectUpstream(options);
  let step = 'start';
  try {
    const connection = adapter.connect(trial.settings, client, createExpressionCompiler());
    const request = { target, input: await inputOf(vendor, trial), config: trial.config, runId: crypto.randomUUID() };
    const started = await connection.start(request);
    print(`started: ${JSON.stringify(started.upstream)}`);
    step = 'observe';
    return await watch(connection, started, vendor, trial);
  } catch (error) {
    if (!(error instanceof UpstreamFault || error instanceof MappingFault)) throw error;
    print(`${step} failed${meaningOf(error)}: ${error.message}`);
    return false;
  } finally {
    await close();
  }
}

function meaningOf(error: UpstreamFault | MappingFault): string {
  if (error instanceof MappingFault) return '';
  return error.httpStatus === null ? ` (${error.consequence})` : ` (${error.consequence}, HTTP ${error.httpStatus})`;
}

async function watch(connection: Connection, started: StartAnswer, vendor: Vendor, trial: Trial): Promise<boolean> {
  const { target, print } = trial;
  const mapping = compiledMapping(vendor);
  let seen = started.observation;
  for (;;) {
    seen ??= started.upstream === null ? undefined : await connection.observe(target, started.upstream);
    if (seen === undefined) return false;
    const mapped = await mapping.read(seen);
    print(`${seen.status} -> ${show(mapped)}`);
    if (mapped.kind !== 'pending' && mapped.kind !== 'unmapped') {
      print(`the vendor's answer: ${show(seen.raw)}`);
      return mapped.kind === 'success';
    }
    await new Promise((resolve) => setTimeout(resolve, seen?.notBeforeMs ?? lookMs));
    seen = undefined;
  }
}

async function inputOf(vendor: Vendor, { input, config }: Trial): Promise<Json> {
  const agent = { name: 'trial', version: '1' };
  return await compiledMapping(vendor).input({
    input,
    messages: [],
    config,
    metadata: {},
    state: null,
    history: [],
    agent,
  });
}

function compiledMapping({ mapping }: Vendor) {
  const compiled = compileMapping([mapping]);
  if (compiled.kind === 'refused') throw new TypeError('the mapping of a checked vendor file was refused');
  return compiled.mapping;
}

const notSent: HttpResult = { kind: 'failed', happening: { kind: 'aborted', sent: false }, cause: 'nothing is sent' };
/** What the client says of a request that was given up before it was sent. */
const refusedMessage = 'the call was given up before it was sent';

function renderRequest({ method, origin, path, headers, body }: WrittenRequest): string {
  const shown = Object.entries(headers).filter(([name]) => !usualHeaders.includes(name));
  const lines = [`${method} ${origin}${path}`, ...shown.map(([name, value]) => `${name}: ${value}`)];
  return `${[...lines, ...(body === null ? [] : ['', body])].join('\n')}\n`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > maxShown ? `${text.slice(0, maxShown)}… (${text.length} characters)` : text;
}
