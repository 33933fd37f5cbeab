/** The attacker, in a process of its own that yields to the gateway, so that what is measured is not its own work. */
import { setPriority } from 'node:os';
import { attacks } from './attacks/index.ts';
import { answerCommands } from './companion.ts';
import { keyOf, type Tenant } from './config.ts';
import { type AskOptions, Front } from './front.ts';
import type { AttackOptions, AttackReport, Site } from './site.ts';

const yieldingPriority = 10;
const outcomePatienceMs = 20_000;
const maxFaults = 12;

setPriority(yieldingPriority);

async function attack(options: AttackOptions): Promise<AttackReport> {
  const front = new Front(options.url, 256);
  const faults = new Map<string, number>();
  let sent = 0;
  const fault = (words: string): void => void faults.set(words, (faults.get(words) ?? 0) + 1);
  const key = (tenant: Tenant): string => keyOf(tenant);
  const call: Site['call'] = async (method, path, asked: AskOptions = {}) => {
    sent += 1;
    try {
      return await front.ask(method, path, { key: key('mallory'), ...asked });
    } catch (error) {
      fault(
        `${method} ${path.replace(/[0-9a-f-]{36}/, 'ID')} failed: ${error instanceof Error ? error.message : error}`,
      );
      return null;
    }
  };
  const site: Site = {
    ...options,
    front,
    untilMs: performance.now() + options.seconds * 1000,
    key,
    count: () => {
      sent += 1;
    },
    fault,
    call,
    create: async (agent, input, tenant = 'mallory') => {
      const created = await call('POST', '/runs', { body: { agent_id: agent, input }, key: key(tenant) });
      const id = /"run_id":"([^"]+)"/.exec(created?.text ?? '')?.[1];
      if (created?.status === 200 && id !== undefined) return id;
      fault(`a run of ${agent} was refused: ${created?.status} ${created?.text.slice(0, 200)}`);
      return null;
    },
    outcome: async (id, { tenant = 'mallory', withinMs = outcomePatienceMs } = {}) => {
      const untilMs = performance.now() + withinMs;
      let said = '';
      for (;;) {
        const leftSeconds = Math.floor((untilMs - performance.now()) / 1000);
        if (leftSeconds < 1) break;
        const path = `/runs/${id}/output?block_timeout=${leftSeconds}`;
        const answer = await call('GET', path, { key: key(tenant) });
        said = answer?.text ?? '';
        if (answer?.status === 200) return said;
      }
      fault(`a run did not end within ${Math.round(withinMs / 1000)} s: ${said.slice(0, 200)}`);
      return null;
    },
  };
  try {
    const chosen = attacks[options.name];
    if (chosen === undefined) throw new Error(`there is no attack ${options.name}`);
    await chosen.attack(site);
  } catch (error) {
    fault(`the attack failed: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    await front.close();
  }
  const worded = [...faults]
    .slice(0, maxFaults)
    .map(([words, times]) => (times > 1 ? `${words} (${times} times)` : words));
  return { sent, faults: worded };
}

answerCommands({ attack });
