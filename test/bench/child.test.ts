import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';

const child = new URL('../../bench/child.ts', import.meta.url).href;
const server = `const server = require('node:http').createServer((request, response) => response.end());
  server.listen(0, '127.0.0.1', () => console.log('port: ' + server.address().port));`;
/** A benchmark that starts one server, and says its port. */
const script = `const { Child } = await import(${JSON.stringify(child)});
  const args = ['--eval', ${JSON.stringify(server)}];
  const started = new Child({ command: process.execPath, args, ready: /port: (\\d+)/ });
  console.log((await started.whenReady())[1]);
  setInterval(() => {}, 1000);`;

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a benchmark that %s ends takes its servers with it',
  async (signal) => {
    const bench = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(bench.stdout, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${Number(said)}`;
    expect((await fetch(url)).status).toBe(200);
    bench.kill(signal);
    await once(bench, 'exit');
    await vi.waitFor(() => expect(fetch(url)).rejects.toThrow());
  },
);
