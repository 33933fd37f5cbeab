import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { RungateProcess } from '../gateway/process.ts';

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let other: Server;
let takenPort: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rungate-refused-'));
  other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  takenPort = (other.address() as AddressInfo).port;
});
afterAll(() => {
  other.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(sections: string) {
  const file = join(folder, 'rungate.yaml');
  const rest = 'backends: { b: { adapter: restack, baseUrl: "http://127.0.0.1:9" } }\n';
  writeFileSync(
    file,
    `log: { level: error }\n${sections}${rest}agents: [{ name: a, backend: b, target: { agent: A } }]\n`,
  );
  return await new RungateProcess(['serve', '--config', file], folder).exit();
}

const inMemory = 'store: { url: "sqlite::memory:" }\n';

describe('a gateway that cannot start says why in one line, and exits with 1', () => {
  const reasons: readonly (readonly [name: string, sections: () => string, said: () => string])[] = [
    [
      'a port that is taken',
      () => `${inMemory}server: { port: ${takenPort} }\n`,
      () => `another program listens on 127.0.0.1:${takenPort}; choose another port, or 0 for a free one`,
    ],
    [
      'a port of the admin API that is taken',
      () => `${inMemory}server: { port: 0 }\nadmin: { port: ${takenPort} }\n`,
      () => `another program listens on 127.0.0.1:${takenPort}; choose another port, or 0 for a free one`,
    ],
    [
      'an address of another machine',
      () => `${inMemory}server: { host: 192.0.2.7, port: 8080 }\nauth: none\n`,
      () => 'this machine has no such address: 192.0.2.7:8080; 0.0.0.0 and :: are all that it has',
    ],
    [
      'a folder in the place of a database',
      () => `server: { port: 0 }\nstore: { url: "sqlite:${folder}" }\n`,
      () => `${folder} is a folder; the URL of a store names a file, such as sqlite:./data/rungate.db`,
    ],
    [
      'a database where no file can be made',
      () => 'server: { port: 0 }\nstore: { url: "sqlite:/proc/rungate.db" }\n',
      () => '/proc/rungate.db cannot be opened: SQLite: unable to open database file',
    ],
    [
      'a database server that is not there',
      () => 'server: { port: 0 }\nstore: { url: "postgres://user:password-of-the-store@127.0.0.1:9/db" }\n',
      () => 'PostgreSQL: connect ECONNREFUSED 127.0.0.1:9; is the server up, and its address that of store.url?',
    ],
  ];
  test.each(reasons)('%s', async (_, sections, said) => {
    const { code, out, err } = await serve(sections());
    expect({ code, err: `${out}${err}`.split('\n').filter((line) => !line.startsWith('{')) }).toEqual({
      code: 1,
      err: [`rungate: ${said()}`, ''],
    });
  });

  test('a folder that was taken for a database has no new files beside it', () => {
    expect(readdirSync(tmpdir()).filter((name) => join(tmpdir(), name).startsWith(`${folder}.`))).toEqual([]);
  });
});

test('a config that is there is not overwritten', async () => {
  writeFileSync(join(folder, 'kept.yaml'), 'mine');
  const { code, err } = await new RungateProcess(['init', 'apify', '--file', 'kept.yaml'], folder).exit();
  expect([code, err]).toEqual([1, 'rungate: nothing is overwritten, and there is kept.yaml already\n']);
  mkdirSync(join(folder, 'grafana'));
  const composed = await new RungateProcess(['init', 'apify', '--compose', '--file', 'new.yaml'], folder).exit();
  expect(composed.err).toContain('there is grafana already');
  expect(readdirSync(folder).filter((name) => ['new.yaml', 'compose.yaml', 'prometheus'].includes(name))).toEqual([]);
});
