import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startNode } from './child.ts';
import { servers, sources } from './places.ts';

export type GatewayOptions = {
  /** Names its files in the scratch directory. */
  readonly name: string;
  readonly scratch: string;
  readonly vendorUrl: string;
  /** Another build's `src`. */
  readonly sources?: string;
  /** Another form of the program than its sources, as users start it: without the flags of the benchmark. */
  readonly program?: string;
  /** Default: a SQLite file of its own, with the default `synchronous=FULL`. */
  readonly storeUrl?: string;
  /** Milliseconds; left out, the config's defaults. */
  readonly pacing?: { readonly floorMs: number; readonly watchedCeilingMs: number; readonly ceilingMs: number };
  readonly maxConnections?: number;
};

export type Gateway = { readonly child: Child; readonly url: string };

/** Far longer than any measure: the vendor starts the run and is never polled about it. */
export const neverLooks = { floorMs: 600_000, watchedCeilingMs: 600_000, ceilingMs: 600_000 };

/** The real gateway as a process: `rungate serve` with a config file, its log at the default level. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { name, scratch, vendorUrl, pacing } = options;
  const storeUrl = options.storeUrl ?? `sqlite:${join(scratch, `${name}.db`)}`;
  const config = {
    server: { host: '127.0.0.1', port: 0 },
    store: { url: storeUrl },
    ...(pacing && { pacing }),
    backends: {
      vendor: {
        adapter: 'intuned',
        baseUrl: vendorUrl,
        workspaceId: 'bench',
        apiKey: 'sandbox-key',
        ...(options.maxConnections && { maxConnections: options.maxConnections }),
      },
    },
    agents: ['echo', 'hang'].map((api) => ({ name: api, backend: 'vendor', target: { project: 'bench', api } })),
  };
  const { program } = options;
  return await serveConfig(name, scratch, config, { from: options.sources, ...(program && { program }) });
}

/** `rungate serve` with a config of your own. */
export async function serveConfig(
  name: string,
  scratch: string,
  config: object,
  { from = sources, program }: { readonly from?: string | undefined; readonly program?: string } = {},
): Promise<Gateway> {
  const file = join(scratch, `${name}.yaml`);
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(config));
  const child = startNode({
    file: program ?? join(from, 'main.ts'),
    args: ['serve', '--config', file],
    flags: program === undefined ? profilingFlags(name) : [],
    ready: /"url":"(http:[^"]+)"/,
  });
  const [, url = ''] = await child.whenReady();
  return { child, url };
}

/** `BENCH_PROFILE=DIR` writes a CPU profile of every gateway into that directory. */
function profilingFlags(name: string): readonly string[] {
  const directory = process.env.BENCH_PROFILE;
  const preload = ['--expose-gc', '--import', join(servers, 'collect-on-signal.ts')];
  return directory === undefined ? preload : [...preload, '--cpu-prof', `--cpu-prof-dir=${join(directory, name)}`];
}
