import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import type { AccessControl } from '../access/access-control.ts';
import { type ConsoleSessions, sessionCookie, sessionPath } from '../access/console-sessions.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { setJson } from './answers.ts';
import { createRouter, type Site } from './router.ts';

export const consolePath = '/console';
const filesPath = `${consolePath}/files`;

/** The modules that the console imports by name, and the file of each in its package. */
export const consolePackages: Readonly<Record<string, string>> = {
  preact: 'preact.mjs',
  'preact/hooks': 'hooks.mjs',
  htm: 'htm.module.js',
  '@preact/signals': 'signals.module.js',
  '@preact/signals-core': 'signals-core.module.js',
};

const importMap = JSON.stringify({
  imports: Object.fromEntries(Object.entries(consolePackages).map(([name, file]) => [name, `${filesPath}/${file}`])),
});

/** The page runs what comes from its own host, and the one map that names where that is; it talks to no other host. */
const pagePolicy = `default-src 'none'; script-src 'self' 'sha256-${createHash('sha256').update(importMap).digest('base64')}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>rungate console</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${filesPath}/console.css">
<script type="importmap">${importMap}</script>
<script type="module" src="${filesPath}/main.js"></script>
</head>
<body><div id="console"></div><noscript>The console is made by scripts. The same is at ${sessionPath} and in the command line.</noscript></body>
</html>
`;

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

const ownFolder = fileURLToPath(new URL('../console', import.meta.url));
const copiesFolder = fileURLToPath(new URL('../../console-packages', import.meta.url));

export type ConsoleDeps = {
  readonly accessControl: AccessControl;
  readonly sessions: ConsoleSessions;
  /** Whether requests need credentials. */
  readonly isProtected: boolean;
};

/** The console: a page that shows and does what the admin API has, and the sessions of its readers. */
export function routeConsole(deps: ConsoleDeps): Site {
  return { prefix: consolePath, createRouters: () => createConsoleRouter(deps) };
}

function createConsoleRouter({ accessControl, sessions, isProtected }: ConsoleDeps): Router {
  const router = createRouter(consolePath, { strict: false });
  const files = listFiles();
  const showPage = (context: Context): void => send(context, 'text/html; charset=utf-8', page);

  router.get('/', showPage);
  router.get('/:page', showPage);
  router.get('/:page/:name', showPage);

  router.get('/files/:name', (context) => {
    const { name = '' } = context.params;
    const place = files.get(name);
    if (place === undefined) throw new GatewayError('route_not_found');
    const text = readFileSync(place);
    context.set('Cache-Control', 'no-cache');
    context.set('ETag', `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`);
    send(context, types[/\.\w+$/.exec(name)?.[0] ?? ''] ?? 'application/octet-stream', text);
    context.status = 200;
    if (context.fresh) context.status = 304;
  });

  /** A session for the key that the request came with. */
  router.post('/session', async (context) => {
    const { principal, api } = await accessControl.enter(context.req, context.res);
    // Throws where the key has no role.
    const { name, role } = api.admin.whoami();
    if (isProtected) {
      const { value, maxAgeSeconds } = await sessions.issue(principal);
      setSession(context, value, maxAgeSeconds);
    }
    setJson(context, JSON.stringify({ name, role }));
  });

  router.delete('/session', (context) => {
    setSession(context, '', 0);
    context.status = 204;
  });
  return router;
}

/** Only the origin knows whether the browser speaks TLS, which may end at a proxy. */
function setSession(context: Context, value: string, maxAgeSeconds: number): void {
  const secure = context.req.headers.origin?.startsWith('https:') === true ? '; Secure' : '';
  const cookie = `${sessionCookie}=${value}; Path=${sessionPath}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict`;
  context.set('Set-Cookie', cookie + secure);
}

function send(context: Context, type: string, body: string | Buffer): void {
  context.set('Content-Security-Policy', pagePolicy);
  context.set('Content-Type', type);
  context.body = body;
}

/** What the console is made of, by the last part of its path. */
export function listFiles(): ReadonlyMap<string, string> {
  const own = readdirSync(ownFolder).filter((name) => /\.(?:js|css)$/.test(name));
  return new Map([
    ...own.map((name) => [name, join(ownFolder, name)] as const),
    ...Object.entries(consolePackages).map(([name, file]) => [file, locatePackage(name, file)] as const),
  ]);
}

/** The published package has the files beside its code, a clone in the development dependencies. */
function locatePackage(name: string, file: string): string {
  const copied = join(copiesFolder, file);
  return existsSync(copied) ? copied : join(dirname(createRequire(import.meta.url).resolve(name)), file);
}
