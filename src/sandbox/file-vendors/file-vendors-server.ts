import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { codedVendors, type FaultOrders, fileVendors, type SharingVendor } from '../faults.ts';
import type { StartLog } from '../start-log.ts';
import { closeServer, listen, originOf, serverOptions } from '../vendor-server.ts';
import { WireHost } from '../wire-host.ts';
import { type StandIn, wireOf } from './stand-in.ts';
import { VendorRuns, type VendorRunsDeps } from './vendor-runs.ts';

/** A stand-in is loaded with the first request to it: most sandboxes are asked for few of them. */
const loads: Readonly<Record<SharingVendor, () => Promise<StandIn>>> = {
  agentcore: async () => (await import('./agentcore.ts')).agentcore,
  a2a: async () => (await import('./a2a.ts')).a2a,
  apify: async () => (await import('./apify.ts')).apify,
  'browser-use': async () => (await import('./browser-use.ts')).browserUse,
  dify: async () => (await import('./dify.ts')).dify,
  langgraph: async () => (await import('./langgraph.ts')).langgraph,
  mcp: async () => (await import('./mcp.ts')).mcp,
  'openai-responses': async () => (await import('./openai-responses.ts')).openaiResponses,
  replicate: async () => (await import('./replicate.ts')).replicate,
};

export type FileVendorsServerDeps = VendorRunsDeps & { readonly startLog: StartLog; readonly faults: FaultOrders };

export type FileVendorsServerOptions = {
  readonly host: string;
  readonly port: number;
  /** A request must carry one of them. */
  readonly apiKeys: readonly string[];
};

/** Many vendors on one port: `/apify/…` is Apify's. */
export class FileVendorsServer {
  readonly #deps: FileVendorsServerDeps;
  readonly #options: FileVendorsServerOptions;
  readonly #keys: ReadonlySet<string | undefined>;
  readonly #server: Server;
  readonly #hosts = new Map<SharingVendor, Promise<WireHost>>();
  readonly #loaded: WireHost[] = [];
  readonly #refusing = new Set<SharingVendor>();
  #port: number;

  constructor(deps: FileVendorsServerDeps, options: FileVendorsServerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#keys = new Set(options.apiKeys);
    this.#port = options.port;
    this.#server = createServer(serverOptions, (request, response) => void this.#answer(request, response));
  }

  get origin(): string {
    return originOf(this.#options.host, this.#port);
  }

  get inFlight(): number {
    return this.#loaded.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  async listen(): Promise<void> {
    this.#port = await listen(this.#server, this.#options.host, this.#port);
  }

  /** Cuts the requests to one vendor, because the port is not its own, until {@link accept}. */
  refuse(vendor: SharingVendor): void {
    this.#refusing.add(vendor);
  }

  accept(): void {
    this.#refusing.clear();
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, name = '', path = '/'] = /^\/([^/?]*)(.*)$/.exec(request.url ?? '') ?? [];
    const vendor = [...fileVendors, ...codedVendors].find((each) => each === name);
    if (vendor === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"there is no such vendor"}');
      return;
    }
    const host = await this.#hostOf(vendor);
    host.answer(request, response, path.startsWith('/') ? path : `/${path}`);
  }

  #hostOf(vendor: SharingVendor): Promise<WireHost> {
    const known = this.#hosts.get(vendor);
    if (known !== undefined) return known;
    const loading = this.#load(vendor);
    this.#hosts.set(vendor, loading);
    return loading;
  }

  async #load(vendor: SharingVendor): Promise<WireHost> {
    const standIn = await loads[vendor]();
    const wire = wireOf(standIn, new VendorRuns(standIn, this.#deps), this.#keys);
    const { startLog, faults } = this.#deps;
    const host = new WireHost({ wire, startLog, faults, refuses: () => this.#refusing.has(vendor) });
    this.#loaded.push(host);
    return host;
  }
}
