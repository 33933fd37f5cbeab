import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Child, startNode } from '../child.ts';
import { findFreePort } from '../free-port.ts';
import { sources } from '../places.ts';
import { type Answer, call, type Ending, type Engine, refuse } from './engine.ts';

const created = z.looseObject({ run_id: z.string() });
const ended = z.looseObject({ type: z.string(), status: z.string() });
const waitSeconds = 30;

/** What the vendor is to this gateway. */
export type Vendorship = {
  readonly backend: object;
  readonly target: object;
};

/** This gateway with its default config and one agent. */
export async function makeGateway(options: {
  readonly name: string;
  readonly dataDirectory: string;
  readonly vendorship: Vendorship;
  readonly port?: number;
}): Promise<Engine> {
  const { name, dataDirectory, vendorship } = options;
  const port = options.port ?? (await findFreePort());
  const url = `http://127.0.0.1:${port}/runs`;
  const file = join(dataDirectory, 'rungate.yaml');
  const config = {
    server: { host: '127.0.0.1', port },
    store: { url: `sqlite:${join(dataDirectory, 'rungate.db')}` },
    backends: { vendor: vendorship.backend },
    agents: [{ name: 'job', backend: 'vendor', target: vendorship.target }],
  };
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(config));
  let child: Child | null = null;

  const read = (answer: Answer): Ending | null => {
    if (answer.status === 404 || answer.status >= 500) refuse(name, answer);
    const output = ended.safeParse(answer.body);
    if (answer.status !== 200 || !output.success || output.data.status === 'pending') return null;
    const { type, result } = output.data;
    return type === 'result' ? { output: result } : { error: JSON.stringify(answer.body) };
  };

  return {
    name,
    get children() {
      return child === null ? [] : [child];
    },
    async start() {
      const args = ['serve', '--config', file];
      child = startNode({ file: join(sources, 'main.ts'), args, ready: /"url":"(http:[^"]+)"/ });
      await child.whenReady();
    },
    async kill() {
      const killed = child;
      child = null;
      await killed?.kill();
    },
    stop: async () => await child?.stop(),
    async create(key, input) {
      const headers = { 'idempotency-key': key };
      const answer = await call('POST', url, { body: { agent_id: 'job', input }, headers });
      if (answer.status >= 300) refuse(name, answer);
      return created.parse(answer.body).run_id;
    },
    look: async (runId) => read(await call('GET', `${url}/${runId}/output`)),
    async wait(runId) {
      const path = `${url}/${runId}/output?block_timeout=${waitSeconds}`;
      return z.custom<Ending>().parse(read(await call('GET', path, { patienceMs: (waitSeconds + 5) * 1000 })));
    },
  };
}
