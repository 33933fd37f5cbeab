// Lets LangGraph's published clients make the same calls at LangGraph's dev servers and at the gateway, and compares what each
// call comes to. Clients and servers are installed into a cache outside the checkout, pinned.
//
//   npm run test:langgraph [-- CLIENT…] [--save FILE] [--against FILE] [--write]
//     --save FILE      keeps what the calls came to at the dev servers, and starts no gateway
//     --against FILE   compares with what was kept, and starts no dev server
//     --write          writes the report, and the pages of docs/protocols that are made from it
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { root } from '../../../bench/places.ts';
import { clients, runClient } from './clients.ts';
import { renderPages } from './page.ts';
import { reasons } from './reasons.ts';
import { makeReport, type Report, reportFile, type SeenByServer } from './report.ts';
import { type RunningServer, startDevServer, startRungate } from './servers.ts';

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { save: { type: 'string' }, against: { type: 'string' }, write: { type: 'boolean' } },
});

const kept: Readonly<Record<string, SeenByServer>> =
  options.against === undefined ? {} : JSON.parse(readFileSync(options.against, 'utf8'));
const scratch = mkdtempSync(join(tmpdir(), 'rungate-langgraph-'));
const servers: Partial<Record<keyof SeenByServer, RunningServer>> = {};
const all: Record<string, SeenByServer> = {};
try {
  if (options.against === undefined) {
    servers.python = await startDevServer('python', scratch);
    servers.javascript = await startDevServer('javascript', scratch);
  }
  if (options.save === undefined) servers.rungate = await startRungate(scratch);
  for (const client of clients.filter(({ name }) => names.length === 0 || names.includes(name))) {
    let seen: SeenByServer = kept[client.name] ?? {};
    for (const [server, { url }] of Object.entries(servers)) {
      process.stderr.write(`${client.title} at ${url}\n`);
      seen = { ...seen, [server]: await runClient(client, url) };
    }
    all[client.name] = seen;
  }
} finally {
  for (const server of Object.values(servers)) await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}
if (options.save === undefined) await judge(makeReport(all, new Date().toISOString()));
else writeFileSync(options.save, JSON.stringify(all));

/** Fails for what no reason covers, and for a reason that covers nothing. */
async function judge(report: Report): Promise<void> {
  for (const { title, rows } of report.clients) {
    process.stdout.write(`\n${title}\n`);
    for (const { call, python, javascript, rungate, reasons: numbers } of rows)
      process.stdout.write(`  ${call}: ${python}, ${javascript}, ${rungate} ${numbers.join(' ')}\n`);
  }
  const used = new Set(report.clients.flatMap(({ rows }) => rows.flatMap((row) => row.reasons)));
  const unused = names.length > 0 ? [] : reasons.filter((_reason, index) => !used.has(index + 1));
  for (const { text } of unused) process.stdout.write(`explains nothing: ${text}\n`);
  for (const difference of report.unexplained) process.stdout.write(`unexplained: ${difference}\n`);
  process.exitCode = unused.length + report.unexplained.length > 0 ? 1 : 0;
  if (options.write !== true) return;
  writeFileSync(reportFile, await format(JSON.stringify(report), { parser: 'json', printWidth: 120 }));
  for (const [path, text] of Object.entries(await renderPages(report))) writeFileSync(join(root, path), text);
}
