import { expect, test } from 'vitest';
import { readJson } from '../../src/json/exact-number.ts';
import { echoConfig } from '../../src/protocols/shared/config-echo.ts';

test.each([
  [{ proxy: 'http://user:pass@proxy.example:3128' }, { proxy: 'http://user:[redacted]@proxy.example:3128' }],
  [{ proxy: 'user:pass@proxy.example:3128' }, { proxy: 'user:[redacted]@proxy.example:3128' }],
  [{ proxy: 'proxy.example:3128' }, { proxy: 'proxy.example:3128' }],
  [
    { authSession: { id: 'a', proxy: 'socks5://u:p@proxy.example' } },
    { authSession: { id: 'a', proxy: 'socks5://u:[redacted]@proxy.example' } },
  ],
  [
    { sink: { type: 's3', bucket: 'b', accessKeyId: 'id', secretAccessKey: 'k' } },
    { sink: { type: 's3', bucket: 'b', accessKeyId: 'id', secretAccessKey: '[redacted]' } },
  ],
  [
    { configurable: { sink: { headers: { Authorization: 'Bearer x', 'x-run': '1' } } } },
    { configurable: { sink: { headers: { Authorization: '[redacted]', 'x-run': '1' } } } },
  ],
  [
    { authSession: { runtimeInput: { username: 'robot', password: 'p' } } },
    { authSession: { runtimeInput: { username: 'robot', password: '[redacted]' } } },
  ],
  [{ proxies: ['http://u:p@a.example', 7, null] }, { proxies: ['http://u:[redacted]@a.example', 7, null] }],
  [
    { mode: 'fast', limit: 3, tags: ['a'], token: { of: 'speech' } },
    { mode: 'fast', limit: 3, tags: ['a'], token: { of: 'speech' } },
  ],
])('the config %j is shown as %j', (config, shown) => {
  expect(echoConfig(config)).toStrictEqual(shown);
});

test('a number that a double cannot hold is shown as it came', () => {
  const config = readJson('{"limit":9007199254740993,"__proto__":{"a":1}}') as never;
  const shown = echoConfig(config);
  expect(Object.keys(shown)).toEqual(['limit', '__proto__']);
  expect(shown).toStrictEqual(config);
});
