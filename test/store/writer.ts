// A process that inserts runs as fast as it can and prints the id of each one that was acknowledged, until it is killed.
import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open.ts';
import { makeEvent, makeRun, silentLog } from './runs.ts';

const [url = '', notifyUrl = ''] = process.argv.slice(2);
const store = await openStore(url, { log: silentLog, notifyUrl: notifyUrl === '' ? undefined : notifyUrl });

async function insertForever(): Promise<never> {
  for (;;) {
    const run = makeRun({ request: { input: 'x'.repeat(500) } });
    await store.insert(run, [makeEvent(run)]);
    // Synchronous: a line in a buffer would die with the process.
    writeSync(1, `${run.runId}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, insertForever));
