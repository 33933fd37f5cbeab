import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../../../bench/child.ts';
import { findFreePort } from '../../../bench/free-port.ts';
import type { RunningPeer } from './client.ts';

const main = join(import.meta.dirname, '../../../src/main.ts');

export const webhookSecret = `whsec_${Buffer.from('a secret of the peers, 32 bytes!').toString('base64')}`;

/** One `rungate serve` on SQLite in front of all peers. It comes back at the same address after a kill. */
export class PeerGateway {
  readonly url: string;
  readonly #file: string;
  #child: Child | null = null;

  private constructor(url: string, file: string) {
    this.url = url;
    this.#file = file;
  }

  static async create(scratch: string, running: readonly RunningPeer[]): Promise<PeerGateway> {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const config = {
      server: { host: '127.0.0.1', port },
      store: { url: `sqlite:${join(scratch, 'rungate.db')}` },
      webhooks: { secrets: [webhookSecret], allow: ['127.0.0.1'] },
      pacing: { floorMs: 100, watchedCeilingMs: 500, ceilingMs: 1000 },
      backends: Object.fromEntries(
        running.map(({ peer, heldUrl: baseUrl }) => [
          peer.name,
          { ...peer.backend, baseUrl, ...(peer.pushes && { push: { publicUrl: url } }) },
        ]),
      ),
      agents: running.map(({ peer: { name, target } }) => ({ name, backend: name, target, timeoutSeconds: 300 })),
    };
    const file = join(scratch, 'rungate.yaml');
    // JSON is YAML too.
    writeFileSync(file, JSON.stringify(config));
    const gateway = new PeerGateway(url, file);
    await gateway.start();
    return gateway;
  }

  async start(): Promise<void> {
    const child = new Child({
      command: process.execPath,
      args: [main, 'serve', '--config', this.#file],
      ready: /rungate listens/,
    });
    this.#child = child;
    await child.whenReady();
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }
}
