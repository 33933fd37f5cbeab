import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { ServedApps } from '../../src/http/served-apps.ts';

/** An app that writes down by its name what it is asked. */
function makeApp(name: string, said: string[]): App {
  return {
    handle: () => void said.push(`${name} handles`),
    upgrade: () => void said.push(`${name} upgrades`),
    openStreams: 1,
    drain: (retryMs) => void said.push(`${name} drains ${retryMs}`),
  };
}

function request(apps: ServedApps): EventEmitter {
  const response = new EventEmitter();
  apps.handle({} as IncomingMessage, response as ServerResponse);
  return response;
}

test('an earlier app is drained as long as one of its answers is open, and its streams count', () => {
  const said: string[] = [];
  const apps = new ServedApps(makeApp('first', said));
  const answers = [request(apps), request(apps)];
  apps.replace(makeApp('second', said));
  answers[0]?.emit('close');
  expect(apps.openStreams).toBe(2);
  apps.drain(5);
  expect(said).toEqual(['first handles', 'first handles', 'first drains 5', 'second drains 5']);
  answers[1]?.emit('close');
  expect(apps.openStreams).toBe(1);
});

test('an app without open answers is forgotten when another one takes its place, and the one in force never is', () => {
  const said: string[] = [];
  const apps = new ServedApps(makeApp('first', said));
  request(apps).emit('close');
  expect(apps.openStreams).toBe(1);
  apps.replace(makeApp('second', said));
  apps.drain(7);
  expect(said).toEqual(['first handles', 'second drains 7']);
  apps.replace(makeApp('third', said));
  expect(said.at(-1)).toBe('third drains 7');
});
