import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { Ids } from '../ids.ts';
import { StartLog } from '../start-log.ts';
import { originOf } from '../vendor-server.ts';
import { CallDesk } from './call-desk.ts';
import type { FaultPlan } from './faults.ts';
import { Frontend } from './frontend.ts';
import { createGrpcServer } from './grpc-wire.ts';
import { createHttpServer } from './http-wire.ts';
import { Workflows } from './workflows.ts';

export type TemporalOptions = {
  /** Default 127.0.0.1; the sandbox is not meant for another interface. */
  readonly host?: string;
  /** Ports default to 0, which picks a free one. */
  readonly grpcPort?: number;
  readonly httpPort?: number;
  /** How long a call waits for news; default 20 seconds, as the real frontend. */
  readonly holdMs?: number;
  /** Accepted as bearer tokens; left out, none is needed. */
  readonly apiKeys?: readonly string[];
  /** Left out: every call is answered as it should be. */
  readonly faults?: FaultPlan;
  /** Makes the run ids predictable. */
  readonly seed?: number;
};

/** A stand-in of Temporal's frontend and its workers, listening. A workflow does what its first argument says. */
export type TemporalServer = {
  readonly grpcUrl: string;
  readonly httpUrl: string;
  /** Calls so far, by method. */
  readonly calls: ReadonlyMap<string, number>;
  /** Workflows that were really started, by the `key` of their input. */
  starts(): ReadonlyMap<string, number>;
  /** Connections over HTTP/2 so far. */
  readonly grpcConnections: number;
  /** Forgets every workflow, as their retention does in the end. */
  forget(): void;
  close(): Promise<void>;
};

const maxKeys = 500_000;

/** Starts the stand-in. Rejects when a port is taken. */
export async function startTemporal(options: TemporalOptions = {}): Promise<TemporalServer> {
  const { host = '127.0.0.1', grpcPort = 0, httpPort = 0, holdMs = 20_000, faults = () => null } = options;
  const log = new StartLog(maxKeys);
  const ids = new Ids(options.seed);
  const nowMs = Date.now;
  const makeRunId = (): string => ids.uuid();
  const onStart = ({ key }: { readonly key?: string | undefined }, runId: string): void =>
    log.countStart(key ?? null, runId);
  const workflows = new Workflows({ nowMs, makeRunId, onStart });
  const frontend = new Frontend(workflows, { holdMs, nowMs });
  const desk = new CallDesk({ frontend, faults, apiKeys: options.apiKeys ?? null });
  const grpc = new Listener(createGrpcServer(desk) as unknown as NetServer);
  const http = new Listener(createHttpServer(desk));
  const close = async (): Promise<void> => {
    await Promise.all([grpc.close(), http.close()]);
  };
  try {
    const bound = { grpc: await grpc.listen(host, grpcPort), http: await http.listen(host, httpPort) };
    return {
      grpcUrl: originOf(host, bound.grpc),
      httpUrl: originOf(host, bound.http),
      calls: desk.counts,
      starts: () => log.starts({ atLeast: 1, offset: 0, limit: Number.POSITIVE_INFINITY }),
      get grpcConnections() {
        return grpc.accepted;
      },
      forget: () => workflows.clear(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A server that closes at once, whatever it holds. */
class Listener {
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();
  accepted = 0;

  constructor(server: NetServer) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.accepted += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Gives the port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => resolve());
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
