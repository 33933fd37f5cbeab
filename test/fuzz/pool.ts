import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';

const names = ['run_id', 'thread_id', 'checkpoint_id', 'agent_id'] as const;
type Name = (typeof names)[number];

const absentId = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
/** Few enough that requests meet at the same runs. */
const maxKept = 40;

/** Ids that answers have shown, in the place of `known:run_id:7` and the like. */
export class Pool {
  readonly #ids: Readonly<Record<Name, string[]>> = { run_id: [], thread_id: [], checkpoint_id: [], agent_id: [] };

  learn(value: Json): void {
    if (Array.isArray(value)) for (const each of value.slice(0, 5)) this.learn(each as Json);
    if (!isJsonObject(value)) return;
    for (const name of names) {
      // Restack's and Intuned's word for it.
      const id = value[name] ?? (name === 'run_id' ? value.runId : undefined);
      const ids = this.#ids[name];
      if (typeof id !== 'string' || ids.includes(id) || !/^[0-9a-f-]{36}$/i.test(id)) continue;
      ids.push(id);
      if (ids.length > maxKept) ids.shift();
    }
    for (const member of ['run', 'checkpoint', 'creation'] as const) this.learn(value[member] ?? null);
  }

  fill(text: string): string {
    return text.replaceAll(/known:(\w+):(\d+)/g, (_, name: Name, at: string) => {
      const ids = this.#ids[name] ?? [];
      return ids[Number(at) % Math.max(1, ids.length)] ?? absentId;
    });
  }
}
