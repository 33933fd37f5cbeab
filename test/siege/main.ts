/**
 * The siege: one gateway process under normal load is attacked in every way that one client, one vendor, one run, one
 * reader or the clock could take from all others, one after the other and then at once. The others' calls are compared
 * with the quiet part before each attack, in the same run.
 *
 * Exit code 0 when every wall holds, 1 when one does not, 2 when the siege itself could not be carried out.
 */
import { writeFileSync } from 'node:fs';
import { ZodError, z } from 'zod';
import { formatReport, isHeld } from './report.ts';
import { readSettings, usage } from './settings.ts';
import { runSiege } from './siege.ts';

const exitCodes = { held: 0, fallen: 1, failed: 2 } as const;

async function main(): Promise<number> {
  const settings = readSettings(process.argv.slice(2));
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error(`stopped: ${name}`)));
  const report = await runSiege(settings, (line) => void process.stderr.write(`${line}\n`), stop.signal);
  process.stdout.write(formatReport(report));
  if (settings.json !== null) writeFileSync(settings.json, `${JSON.stringify(report, null, 2)}\n`);
  return isHeld(report) ? exitCodes.held : exitCodes.fallen;
}

function explain(error: unknown): number {
  const isUsage = error instanceof ZodError || (error instanceof TypeError && 'code' in error);
  const reason =
    error instanceof ZodError ? z.prettifyError(error) : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${reason}\n${isUsage ? `\n${usage}` : ''}`);
  return exitCodes.failed;
}

process.exitCode = await main().catch(explain);
