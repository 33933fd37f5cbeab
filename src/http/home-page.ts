import { createHash } from 'node:crypto';
import type { Agent } from '../contract/domain/agent.ts';
import type { Mount } from './router.ts';

export type HomeOptions = {
  readonly mounts: readonly Mount[];
  readonly agents: readonly Agent[];
  /** Requests need credentials. The page asks for none, so it shows nothing then that they would be needed for. */
  readonly isProtected: boolean;
  /** The console is served here. */
  readonly hasConsole: boolean;
};

const style = `body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid #ddd; }
code { font-size: 0.9em; }`;

const consoleLink = 'See and make runs in the <a href="/console">console</a>. ';

/** The page runs nothing and loads nothing; its one style is named by its hash. */
const headers = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

/** What a person sees who opens the gateway in a browser: agents, protocols, where the documents and probes are. */
export function createHomePage(options: HomeOptions): {
  readonly headers: Record<string, string>;
  readonly html: string;
} {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rungate</title>
<style>${style}</style>
</head>
<body>
<h1>rungate is running</h1>
<p>One run API in front of every agent vendor. ${options.hasConsole ? consoleLink : ''}Try it in the <a href="/docs">API reference</a>.</p>
<h2>Agents</h2>
${describeAgents(options)}
<h2>Protocols</h2>
<table>
<tr><th>protocol</th><th>base URL</th><th>document</th></tr>
${options.mounts.map(describeMount).join('\n')}
</table>
<h2>Health</h2>
<p><a href="/health/ready">/health/ready</a> says whether the gateway takes work, <a href="/health/live">/health/live</a> whether the process answers.</p>
</body>
</html>
`;
  return { headers, html };
}

function describeAgents({ agents, isProtected }: HomeOptions): string {
  if (isProtected) return '<p>Listing agents needs a key: <code>POST /agents/search</code>.</p>';
  if (agents.length === 0) return '<p>The config has no agents.</p>';
  const rows = agents.map(
    ({ name, version, description }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(version)}</td><td>${escapeHtml(description)}</td></tr>`,
  );
  return `<table>\n<tr><th>agent</th><th>version</th><th>description</th></tr>\n${rows.join('\n')}\n</table>`;
}

function describeMount({ protocol: { about }, prefix }: Mount): string {
  const document = `${prefix}/openapi.json`;
  return `<tr><td>${escapeHtml(`${about.title} ${about.version}`)}</td><td><code>${prefix === '' ? '/' : prefix}</code></td><td><a href="${document}">${document}</a></td></tr>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
