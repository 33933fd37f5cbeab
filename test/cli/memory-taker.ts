// A program that takes memory and frees it, and prints its resident memory before, in between and after.
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { restartWithMemorySettings, settleMemory } from '../../src/cli/memory-settings.ts';

// The process has the settings already, as one that was started anew.
restartWithMemorySettings();
settleMemory();

const seen: number[] = [];
const note = (): void => void seen.push(process.memoryUsage.rss());

note();
// Between the large ones lie small ones that stay, as in a process that serves.
const small: Buffer[] = [];
let large: Buffer[] = [];
for (let n = 0; n < 70; n += 1) {
  large.push(Buffer.alloc(1024 * 1024, n));
  small.push(Buffer.alloc(8192, n));
}
note();
large = [];
// V8 frees buffers in the background, in its own time.
const untilMs = performance.now() + 3000;
do {
  globalThis.gc?.();
  await turn();
} while (process.memoryUsage.rss() > (seen[0] ?? 0) + 15 * 1024 * 1024 && performance.now() < untilMs);
note();
const taking = `
  const list = [];
  for (let n = 0; n < 1e6; n += 1) list.push({ n, text: 'text ' + n });
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', () => list);
  parentPort.postMessage(0);
`;
const thread = new Worker(taking, { eval: true, execArgv: ['--input-type=commonjs'] });
await once(thread, 'message');
note();
await thread.terminate();
note();
process.stdout.write(JSON.stringify(small.length > 0 && large.length === 0 ? seen : []));
