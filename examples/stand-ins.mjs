import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../src/main.ts');

/**
 * Starts the vendors' stand-ins and a gateway with the example's `rungate.yaml` over them, in a temporary folder. Everything
 * ends with `await using`.
 *
 * @param {string} example The folder of the example.
 * @param {{ env?: Record<string, string>, replicas?: number }} options Further variables for the config; how many gateways.
 */
export async function startExample(example, { env = {}, replicas = 1 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-example-'));
  const config = join(example, 'rungate.yaml');
  const children = [];
  const start = (args, variables) => {
    const child = new Rungate(args, folder, variables);
    children.push(child);
    return child;
  };
  const stop = async () => {
    for (const child of children.toReversed()) await child.stop();
    rmSync(folder, { recursive: true });
  };
  try {
    const sandbox = start(['sandbox', '--port', '0'], {});
    const key = 'sandbox-key';
    const vendorsUrl = await sandbox.printed(/vendors: (\S+)/);
    const variables = {
      INTUNED_URL: await sandbox.printed(/intuned: (\S+)/),
      INTUNED_WORKSPACE_ID: 'sandbox',
      INTUNED_API_KEY: key,
      RESTACK_URL: await sandbox.printed(/restack: (\S+)/),
      ...{ LANGGRAPH_URL: `${vendorsUrl}/langgraph`, LANGGRAPH_API_KEY: key },
      ...{ OPENAI_BASE_URL: `${vendorsUrl}/openai-responses`, OPENAI_API_KEY: key },
      ...{ APIFY_URL: `${vendorsUrl}/apify`, APIFY_TOKEN: key },
      ...{ BROWSER_USE_URL: `${vendorsUrl}/browser-use`, BROWSER_USE_API_KEY: key },
      ...{ CONCIERGE_URL: `${vendorsUrl}/a2a/concierge`, CONCIERGE_TOKEN: key },
      ...{ REPLICATE_URL: `${vendorsUrl}/replicate`, REPLICATE_API_TOKEN: key },
      ...env,
    };
    const gateways = Array.from({ length: replicas }, () =>
      start(['serve', '--config', config, '--port', '0'], variables),
    );
    const urls = await Promise.all(gateways.map((gateway) => gateway.printed(/"url":"(http:[^"]+)"/)));
    return {
      /** Where the first gateway listens, and all of them. */
      url: urls[0],
      urls,
      /** Runs a command of rungate with the example's config, such as `['webhooks', 'list']`; its output. */
      command: async (words) => {
        const [name, ...rest] = words;
        const child = start([name, '--config', config, ...rest], variables);
        return await child.ended();
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One process of rungate. */
class Rungate {
  #child;
  #output = '';
  #closed;

  constructor(args, cwd, env) {
    this.#child = spawn(process.execPath, [main, ...args], { cwd, env: { ...process.env, ...env } });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#output += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#output += text;
    });
    this.#closed = new Promise((resolve) => this.#child.on('close', resolve));
  }

  /** What the first group of the pattern finds in the output; rejects if the process ends before. */
  async printed(pattern) {
    return await new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(this.#output)?.[1];
        if (found !== undefined) resolve(found);
      };
      this.#child.stdout.on('data', look);
      this.#closed.then(() => reject(new Error(`rungate ended: ${this.#output}`)));
      look();
    });
  }

  /** The whole output, once the process has ended. */
  async ended() {
    const code = await this.#closed;
    if (code !== 0) throw new Error(this.#output);
    return this.#output;
  }

  async stop() {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }
}
