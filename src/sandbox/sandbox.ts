import { type SandboxControl, type SandboxStats, serveControl } from './control.ts';
import { FaultOrders } from './faults.ts';
import { FileVendorsServer } from './file-vendors/file-vendors-server.ts';
import { Ids } from './ids.ts';
import { intunedWire } from './intuned/wire.ts';
import { type RestackShape, restackWire } from './restack/wire.ts';
import { RunTable } from './run-table.ts';
import { StartLog } from './start-log.ts';
import { VendorServer } from './vendor-server.ts';
import { WebhookSink } from './webhook-sink.ts';
import type { Wire } from './wire-host.ts';

export type SandboxOptions = {
  /** Default 127.0.0.1; the sandbox is not meant for another interface. */
  readonly host?: string;
  /** Ports default to 0, which picks a free one. */
  readonly intunedPort?: number;
  readonly restackPort?: number;
  readonly vendorsPort?: number;
  readonly controlPort?: number;
  /** Makes the run ids predictable. */
  readonly seed?: number;
  /** Accepted in Intuned's `x-api-key`, and as the keys of the vendors by file; default `sandbox-key`. */
  readonly apiKeys?: readonly string[];
  /** Restack's bearer token; left out, none is required. */
  readonly restackToken?: string;
  readonly restackShape?: RestackShape;
  /** Starts beyond this number of live runs are refused with 429; default 200,000. */
  readonly maxLiveRuns?: number;
  /** Finished runs that are kept; default 20,000. */
  readonly maxFinishedRuns?: number;
  /** How long finished runs are kept; default ten minutes. */
  readonly keepFinishedMs?: number;
  /** Keys that starts are counted by; default 500,000. */
  readonly maxKeys?: number;
  /** A wire of the caller's own, on a port of its own: the runs, the counts and the faults of Restack are its, too. */
  readonly makeWire?: (parts: { readonly runs: RunTable; readonly ids: Ids }) => Wire;
  /** Milliseconds since the Unix epoch; tests hand in a clock of their own. */
  readonly nowMs?: () => number;
};

/** The vendor stand-ins, listening. */
export type Sandbox = SandboxControl & {
  /** Base URL of an `intuned` backend. */
  readonly intunedUrl: string;
  /** Base URL of a `restack` backend. */
  readonly restackUrl: string;
  /** Below it each vendor by file has its base URL, such as `/apify`; that of A2A has the agent too: `/a2a/echo`. */
  readonly vendorsUrl: string;
  /** Base URL of the caller's own wire; null without one. */
  readonly ownUrl: string | null;
  /** Base URL of the control API. */
  readonly controlUrl: string;
  close(): Promise<void>;
};

export const defaultApiKey = 'sandbox-key';

/** Starts the stand-ins and the control port. Rejects when a port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host = '127.0.0.1', intunedPort = 0, restackPort = 0, vendorsPort = 0, controlPort = 0 } = options;
  const apiKeys = options.apiKeys ?? [defaultApiKey];
  const startLog = new StartLog(options.maxKeys ?? 500_000);
  const faults = new FaultOrders();
  const ids = new Ids(options.seed);
  const limits = {
    maxLive: options.maxLiveRuns ?? 200_000,
    maxFinished: options.maxFinishedRuns ?? 20_000,
    keepFinishedMs: options.keepFinishedMs ?? 600_000,
  };
  const runs = new RunTable(startLog, limits, options.nowMs ?? Date.now);
  const sink = new WebhookSink(runs, startLog);
  const intuned = intunedWire({ runs, ids, sink, apiKeys });
  const shape = options.restackShape ?? 'engine';
  const restack = restackWire({ runs, ids, shape, token: options.restackToken ?? null });
  const servers = {
    intuned: new VendorServer({ wire: intuned, startLog, faults }, { host, port: intunedPort }),
    restack: new VendorServer({ wire: restack, startLog, faults }, { host, port: restackPort }),
    byFile: new FileVendorsServer({ runs, ids, sink, startLog, faults }, { host, port: vendorsPort, apiKeys }),
  };
  const own = options.makeWire?.({ runs, ids });
  const ownServer = own === undefined ? null : new VendorServer({ wire: own, startLog, faults }, { host, port: 0 });
  const control = bindControl({ startLog, faults, runs, sink, servers });
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    sink.close();
    await Promise.all(opened.map((server) => server.close()));
  };
  try {
    for (const server of [
      servers.intuned,
      servers.restack,
      servers.byFile,
      ...(ownServer === null ? [] : [ownServer]),
    ]) {
      await server.listen();
      opened.push(server);
    }
    const controlServer = await serveControl(control, host, controlPort);
    opened.push(controlServer);
    return {
      ...control,
      intunedUrl: `${servers.intuned.origin}/api/v1/workspace`,
      restackUrl: servers.restack.origin,
      vendorsUrl: servers.byFile.origin,
      ownUrl: ownServer === null ? null : ownServer.origin,
      controlUrl: controlServer.url,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Parts = {
  readonly startLog: StartLog;
  readonly faults: FaultOrders;
  readonly runs: RunTable;
  readonly sink: WebhookSink;
  readonly servers: {
    readonly intuned: VendorServer;
    readonly restack: VendorServer;
    readonly byFile: FileVendorsServer;
  };
};

function bindControl({ startLog, faults, runs, sink, servers }: Parts): SandboxControl {
  const clearFaults = async (): Promise<void> => {
    faults.clear();
    servers.byFile.accept();
    for (const server of [servers.intuned, servers.restack]) if (server.refuses) await server.listen();
  };
  return {
    starts: ({ atLeast = 1, offset = 0, limit = Number.POSITIVE_INFINITY } = {}) =>
      startLog.starts({ atLeast, offset, limit }),
    runs: (key) => runs.notesOf(key),
    faults: () => faults.list(),
    clearFaults,
    stats: (): SandboxStats => ({
      ...startLog.totals(),
      liveRuns: runs.countLive(),
      heldRuns: runs.size,
      inFlight: servers.intuned.inFlight + servers.restack.inFlight + servers.byFile.inFlight,
    }),
    async orderFault(order) {
      faults.add(order);
      if (order.kind !== 'refuse') return;
      if (order.vendor === 'intuned' || order.vendor === 'restack') servers[order.vendor].refuse();
      else servers.byFile.refuse(order.vendor);
    },
    async reset({ keepRuns = false } = {}) {
      await clearFaults();
      startLog.clear();
      if (keepRuns) return;
      sink.forget();
      runs.clear();
    },
  };
}
