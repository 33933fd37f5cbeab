import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Child } from '../child.ts';
import { findFreePort } from '../free-port.ts';
import { call, type Ending, type Engine, refuse } from './engine.ts';

const lookEveryMs = 10;
const created = z.object({ id: z.string() });
const looked = z.union([z.object({ output: z.unknown() }), z.object({ error: z.string() })]);

/** An engine that is a library on PostgreSQL: one Node process that takes jobs and works on them. */
export async function makeAppEngine(options: {
  readonly name: string;
  /** Of the packages and the app. */
  readonly directory: string;
  readonly app: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Engine & { readonly url: string }> {
  const { name, directory, app, env } = options;
  const port = await findFreePort();
  const origin = `http://127.0.0.1:${port}`;
  const url = `${origin}/runs`;
  let child: Child | null = null;

  async function look(id: string): Promise<Ending | null> {
    const answer = await call('GET', `${url}/${encodeURIComponent(id)}`);
    if (answer.status !== 200) refuse(name, answer);
    const ending = looked.safeParse(answer.body);
    return ending.success ? (ending.data as Ending) : null;
  }

  return {
    name,
    url: origin,
    get children() {
      return child === null ? [] : [child];
    },
    async start() {
      child = new Child({
        command: process.execPath,
        args: [join(directory, app)],
        env: { ...env, PORT: String(port) },
        ready: /listens/,
      });
      await child.whenReady();
    },
    async kill() {
      const killed = child;
      child = null;
      await killed?.kill();
    },
    stop: async () => await child?.stop(),
    async create(key, input) {
      const answer = await call('POST', url, { body: { key, input } });
      if (answer.status !== 200) refuse(name, answer);
      return created.parse(answer.body).id;
    },
    look,
    async wait(id) {
      for (;;) {
        const ending = await look(id);
        if (ending !== null) return ending;
        await sleep(lookEveryMs);
      }
    },
  };
}
