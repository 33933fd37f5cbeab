import { join } from 'node:path';
import { Child } from '../../child.ts';
import type { Work } from './main.ts';
import { processMicros } from './processor-time.ts';

/** Raw inserts by node-postgres in a process of their own, so that what the client costs is known too. */
export class RawInserts {
  readonly child: Child;

  private constructor(child: Child) {
    this.child = child;
  }

  static async start(url: string, connections: number): Promise<RawInserts> {
    const args = [join(import.meta.dirname, 'raw-inserts.ts'), url, String(connections)];
    const child = new Child({ command: process.execPath, args, ready: /ready\n/ });
    await child.whenReady();
    return new RawInserts(child);
  }

  async insertFor(seconds: number): Promise<Work> {
    const before = processMicros(this.child.pid);
    const [, inserted] = await this.child.ask(String(seconds), /inserted (\d+)\n/);
    const count = Number(inserted);
    return { count, frontMicros: (processMicros(this.child.pid) - before) / count, seconds };
  }
}
