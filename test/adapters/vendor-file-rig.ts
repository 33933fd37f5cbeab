import { parseVendor } from '../../src/config/vendor-files.ts';
import type { Connection, StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, type Reply, startVendor, type Vendor } from '../upstream/vendor-server.ts';

const base = `
vendor: acme
settings: { token: secret?, user: text?, region: text?, id: text?, secret: secret?, tokenUrl: url?, events: url? }
target: { job: part, folder: path? }
config: [priority]
start: { method: POST, path: "/jobs/{target.job}", body: input, id: body.id }
observe: { path: "/runs/{upstream.runId}", status: body.status }
mapping: { status: { busy: pending, ok: success, failed: error }, output: $ }
`;

/** A vendor with a file, and another host. */
export type VendorFileRig = {
  readonly site: Vendor;
  readonly other: Vendor;
  /** A connection to the vendor of a file: the base with some of its lines replaced, by their first word, and some added. */
  connect(lines: string, settings?: JsonObject): Connection;
  close(): Promise<void>;
};

export async function openVendorFileRig(): Promise<VendorFileRig> {
  const [site, other] = await Promise.all([startVendor(), startVendor()]);
  const opened: Upstream[] = [];
  return {
    site,
    other,
    connect(lines, settings = {}) {
      const keys = [...lines.matchAll(/^(\w+):/gm)].map(([, key]) => key);
      const kept = base.split('\n').filter((line) => !keys.includes(/^(\w+):/.exec(line)?.[1]));
      const reading = parseVendor([...kept, lines].join('\n'), 'acme.yaml');
      if (reading.kind === 'refused')
        throw new Error(reading.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
      const { adapter } = reading.vendor;
      const own = adapter.settings.parse(settings);
      const upstream = connectUpstream({
        ...{ ...upstreamOptions, baseUrl: `${site.url}/v1`, secrets: adapter.secretsOf(own) },
        exceptions: parseExceptions(['127.0.0.1']),
      });
      opened.push(upstream);
      return adapter.connect(own, upstream.client, createExpressionCompiler());
    },
    async close() {
      for (const upstream of opened) await upstream.close();
      await Promise.all([site.stop(), other.stop()]);
    },
  };
}

export const start = (over: Partial<StartRequest<unknown>> = {}): StartRequest<unknown> => ({
  ...{ target: { job: 'sweep' }, input: { n: 1 }, config: {}, runId: 'run-1' },
  ...over,
});
export const observe = (connection: Connection) => connection.observe({ job: 'sweep' }, { runId: 'r-1' });

/** Answers by path; everything else is 404. */
export function routes(table: Readonly<Record<string, Reply>>): Reply {
  return (response, received) => (table[received.path] ?? answer(404, { error: 'no such page' }))(response, received);
}
