import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Child } from '../child.ts';
import { findFreePorts } from '../free-port.ts';
import { call, type Ending, type Engine, refuse } from './engine.ts';

/** The answer to a question for the output of a workflow that has not ended. */
const notReady = 470;
const startWithinMs = 60_000;
const waitMs = 30_000;

/** Restate's server with its default config, and a Node process that hosts the job as a workflow. */
export async function makeRestate(options: {
  readonly name: string;
  /** Of the packages and the app. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Engine> {
  const { name, directory, dataDirectory, env } = options;
  const [ingressPort = 0, adminPort = 0, nodePort = 0, appPort = 0] = await findFreePorts(4);
  const [ingress, admin] = [`http://127.0.0.1:${ingressPort}`, `http://127.0.0.1:${adminPort}`];
  const binary = `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`;
  let children: readonly Child[] = [];
  let isRegistered = false;

  function spawnServer(): Child {
    return new Child({
      command: join(directory, binary),
      args: ['--no-logo', '--listen-mode', 'tcp', '--bind-ip', '127.0.0.1', '--bind-port', String(nodePort)],
      cwd: dataDirectory,
      env: {
        RESTATE_BASE_DIR: dataDirectory,
        RESTATE_DISABLE_TELEMETRY: 'true',
        RESTATE_INGRESS__BIND_PORT: String(ingressPort),
        RESTATE_ADMIN__BIND_PORT: String(adminPort),
      },
    });
  }

  async function register(): Promise<void> {
    const answer = await call('POST', `${admin}/deployments`, { body: { uri: `http://127.0.0.1:${appPort}` } });
    if (answer.status >= 300) refuse('the admin port', answer);
    isRegistered = true;
  }

  async function ask(path: string, patienceMs?: number): Promise<Ending | null> {
    const answer = await call('GET', `${ingress}${path}`, patienceMs === undefined ? {} : { patienceMs });
    if (answer.status === notReady) return null;
    if (answer.status === 200) return { output: answer.body };
    if (answer.status === 404 || answer.status === 503) refuse('the ingress', answer);
    return { error: JSON.stringify(answer.body) };
  }

  return {
    name,
    get children() {
      return children;
    },
    async start() {
      const app = new Child({
        command: process.execPath,
        args: [join(directory, 'restate.mjs')],
        env: { ...env, PORT: String(appPort) },
        ready: /listens/,
      });
      children = [spawnServer(), app];
      await app.whenReady();
      const deadlineMs = performance.now() + startWithinMs;
      while (!(await isUp(`${ingress}/restate/health`)) || !(await isUp(`${admin}/health`))) {
        if (performance.now() > deadlineMs) throw new Error('the Restate server does not start');
        await sleep(20);
      }
      if (!isRegistered) await register();
    },
    async kill() {
      const killed = children;
      children = [];
      await Promise.all(killed.map((child) => child.kill()));
    },
    async stop() {
      await Promise.all(children.map((child) => child.stop()));
    },
    async create(key, input) {
      const answer = await call('POST', `${ingress}/job/${key}/run/send`, { body: { input } });
      // A workflow runs once a key: a repeated one is answered as taken before.
      if (answer.status >= 300 && answer.status !== 409) refuse('the ingress', answer);
      return key;
    },
    look: (key) => ask(`/restate/workflow/job/${key}/output`),
    async wait(key) {
      return z.custom<Ending>().parse(await ask(`/restate/workflow/job/${key}/attach`, waitMs));
    },
  };
}

async function isUp(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
