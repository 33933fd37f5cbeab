import { createVendorAdapter } from '../../adapters/http/adapter.ts';
import { loadVendor, shippedVendors, type Vendor, vendorFileOf } from '../../src/config/vendor-files.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { MappedStatus } from '../../src/contract/domain/mapping.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import type { FileVendor } from '../../src/sandbox/faults.ts';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';

/** How the script of a name is asked for at a vendor. */
type Way = {
  readonly keyName: string;
  target(script: string): JsonObject;
  /** Below the vendor's base URL. */
  path?(script: string): string;
  input?(input: JsonObject): Json;
};

const ways: Readonly<Record<FileVendor, Way>> = {
  a2a: { keyName: 'token', target: () => ({}), path: (script) => `/${script}` },
  apify: { keyName: 'token', target: (script) => ({ actor: `samples~${script}` }) },
  'browser-use': {
    keyName: 'apiKey',
    target: (model) => ({ model }),
    input: (input) => ({ task: 'look at the page', ...input }),
  },
  langgraph: { keyName: 'apiKey', target: (assistant) => ({ assistant }) },
  'openai-responses': { keyName: 'apiKey', target: (model) => ({ model }) },
  replicate: { keyName: 'token', target: (script) => ({ version: `samples/${script}:1` }) },
};

export type FileVendorStartOptions = { readonly runId?: string; readonly sink?: string };

/** One script at a vendor, spoken to by the file of the vendor that ships. */
export class FileVendorAgent {
  readonly #way: Way;
  readonly #vendor: Vendor;
  readonly #connection: Connection;
  readonly #target: unknown;
  readonly #mapping: Extract<ReturnType<typeof compileMapping>, { readonly mapping: unknown }>['mapping'];
  readonly close: () => Promise<void>;

  private constructor(
    vendor: Vendor,
    name: FileVendor,
    at: { readonly url: string; readonly script: string; readonly key: string },
  ) {
    const way = ways[name];
    const adapter = createVendorAdapter(vendor.file);
    const settings = adapter.settings.parse({ [way.keyName]: at.key });
    const upstream = connectUpstream({
      ...{
        ...upstreamOptions,
        baseUrl: `${at.url}/${name}${way.path?.(at.script) ?? ''}`,
        timeoutMs: 5000,
        secrets: [at.key],
      },
      exceptions: parseExceptions(['127.0.0.1']),
    });
    const compiled = compileMapping([vendor.mapping]);
    if (compiled.kind === 'refused') throw new TypeError(`the mapping of ${name} is refused`);
    this.#way = way;
    this.#vendor = vendor;
    this.#target = adapter.target.parse(way.target(at.script));
    this.#connection = adapter.connect(settings, upstream.client, createExpressionCompiler());
    this.#mapping = compiled.mapping;
    this.close = () => upstream.close();
  }

  static async open(
    name: FileVendor,
    at: { readonly url: string; readonly script: string; readonly key?: string },
  ): Promise<FileVendorAgent> {
    return new FileVendorAgent(await loadVendor(vendorFileOf(shippedVendors, name)), name, {
      key: 'sandbox-key',
      ...at,
    });
  }

  get file(): Vendor['file'] {
    return this.#vendor.file;
  }

  async start(
    input: JsonObject,
    { runId = crypto.randomUUID(), sink }: FileVendorStartOptions = {},
  ): Promise<UpstreamRef> {
    const { upstream } = await this.#connection.start({
      ...{ target: this.#target, config: {}, runId, input: this.#way.input?.(input) ?? input },
      sink: sink === undefined ? undefined : { url: sink },
    });
    if (upstream === null) throw new TypeError('the start names no run');
    return upstream;
  }

  async observe(upstream: UpstreamRef): Promise<MappedStatus> {
    const observation = await this.#connection.observe(this.#target, upstream, new AbortController().signal);
    return await this.#mapping.read(observation);
  }

  async resume(upstream: UpstreamRef, payload: Json): Promise<UpstreamRef> {
    const run = { run_id: 'run-1', upstream };
    const resumption = await this.#mapping.resume({ payload, interrupt: {}, run });
    return (await this.#connection.resume?.(this.#target, upstream, resumption, 'run-1.1')) ?? upstream;
  }

  async cancel(upstream: UpstreamRef): Promise<void> {
    await this.#connection.cancel?.(this.#target, upstream);
  }

  async find(runId: string): Promise<unknown> {
    return await this.#connection.adoption?.find?.({ target: this.#target, config: {}, runId, sentAtMs: 0 });
  }
}
