import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { hashKey } from '../../src/access/key-ring.ts';
import { defaultApiKey, type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

const key = 'rungate_fuzz-key';
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export const authorization = `Bearer ${key}`;
export const prefixes = [
  '/acp/v0.1',
  '/acp/v0.2',
  '/agent-protocol',
  '/ag-ui',
  '/intuned/api/v1/workspace',
  '/restack',
  '/a2a',
  '/mcp',
  '/langgraph',
  '/v1',
  '',
];

/** The gateway that is fuzzed: a key is needed, caches are small so that memory need not grow, agents of every kind. */
export function fuzzConfig(sandbox: Sandbox, storeUrl: string): string {
  const intuned = (api: string) => ({ name: api, backend: 'intuned', target: { project: 'samples', api } });
  const restack = { backend: 'restack', timeoutSeconds: 60 };
  return JSON.stringify({
    server: { port: 0 },
    store: { url: storeUrl },
    auth: { keys: [{ name: 'fuzz', sha256: hashKey(key) }] },
    limits: { cacheRuns: 100, slowRequestSeconds: 20 },
    pacing: { floorMs: 5, watchedCeilingMs: 20, ceilingMs: 100 },
    log: { level: 'info' },
    defaultAgent: 'echo',
    backends: {
      intuned: {
        ...{ adapter: 'intuned', baseUrl: sandbox.intunedUrl, workspaceId: 'sandbox', apiKey: defaultApiKey },
        passthrough: true,
      },
      restack: { adapter: 'restack', baseUrl: sandbox.restackUrl },
    },
    agents: [
      intuned('echo'),
      intuned('fail'),
      { name: 'anything', backend: 'intuned', passthrough: true, timeoutSeconds: 60 },
      { ...restack, name: 'support', target: { agent: 'CustomerSupportAgent' } },
      { ...restack, name: 'approval', target: { agent: 'ApprovalAgent' }, mapping: { interrupt: 'output.interrupt' } },
      { ...restack, name: 'order', target: { workflow: 'OrderFulfillmentWorkflow' } },
    ],
  });
}

/** A gateway in a process of its own, whose memory can be asked for. */
export class Target implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #sandbox: Sandbox;
  readonly #folder: string;
  /** Where its inspector listens. */
  readonly #inspectorUrl: string;

  private constructor(parts: {
    url: string;
    child: ChildProcess;
    sandbox: Sandbox;
    folder: string;
    inspectorUrl: string;
  }) {
    this.url = parts.url;
    this.#child = parts.child;
    this.#sandbox = parts.sandbox;
    this.#folder = parts.folder;
    this.#inspectorUrl = parts.inspectorUrl;
  }

  /** `storeUrl`: left out, an SQLite file of its own. */
  static async start(storeUrl?: string): Promise<Target> {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-fuzz-'));
    const sandbox = await startSandbox();
    const file = join(folder, 'fuzz.yaml');
    writeFileSync(file, fuzzConfig(sandbox, storeUrl ?? `sqlite:${join(folder, 'runs.db')}?synchronous=normal`));
    const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', main, 'serve', '--config', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // With it, `serve` does not start itself anew, and its inspector stays where it was.
      env: { ...process.env, MALLOC_ARENA_MAX: '2' },
    });
    let [out, err] = ['', ''];
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      // Only the beginning is read: where it listens.
      if (out.length < 10_000) out += text;
      if (text.includes('"level":"error"')) process.stderr.write(text);
    });
    const find = async (pattern: RegExp, text: () => string): Promise<string> => {
      for (;;) {
        const found = pattern.exec(text())?.[1];
        if (found !== undefined) return found;
        if (child.exitCode !== null) throw new Error(`the gateway ended: ${out}${err}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const inspectorUrl = await find(/(ws:\/\/\S+)/, () => err);
    return new Target({ url: await find(/"url":"(http:[^"]+)"/, () => out), child, sandbox, folder, inspectorUrl });
  }

  /** Whether it still runs. */
  get lives(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Bytes of the heap and of what hangs outside of it, after a collection. */
  async memory(): Promise<number> {
    // Attached for the question alone: a process that ends by a fault waits for its inspector to leave.
    const inspector = new WebSocket(this.#inspectorUrl);
    await new Promise((resolve, reject) => {
      inspector.addEventListener('open', resolve, { once: true });
      inspector.addEventListener('error', () => reject(new Error('the gateway ended')), { once: true });
    });
    const ask = (method: string, params: object) => askInspector(inspector, method, params);
    await ask('HeapProfiler.collectGarbage', {});
    await ask('HeapProfiler.collectGarbage', {});
    const expression =
      '(() => { const { heapUsed, external, arrayBuffers } = process.memoryUsage(); return heapUsed + external + arrayBuffers; })()';
    const answer = await ask('Runtime.evaluate', { expression, returnByValue: true });
    inspector.close();
    return z.object({ result: z.object({ value: z.number() }) }).parse(answer).result.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    if (this.lives) {
      this.#child.kill('SIGTERM');
      await ended;
    }
    await this.#sandbox.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

let asked = 0;

function askInspector(inspector: WebSocket, method: string, params: object): Promise<unknown> {
  const id = ++asked;
  return new Promise((resolve, reject) => {
    const listen = ({ data }: MessageEvent): void => {
      const message = z.looseObject({ id: z.number().optional(), result: z.unknown() }).parse(JSON.parse(String(data)));
      if (message.id !== id) return;
      inspector.removeEventListener('message', listen);
      resolve(message.result);
    };
    inspector.addEventListener('message', listen);
    inspector.addEventListener('close', () => reject(new Error('the gateway ended')), { once: true });
    inspector.send(JSON.stringify({ id, method, params }));
  });
}
