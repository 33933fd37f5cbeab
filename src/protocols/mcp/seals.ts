import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Sealer, SealerFor } from '../../contract/api/sealer.ts';

/**
 * Where a call stands: the run, and the event with the question that its client is asked; 0: none is asked. `key`: of one
 * question, where each is asked and answered by itself.
 */
export type Round = {
  readonly tenant: string;
  readonly runId: string;
  readonly seq: number;
  readonly key?: string | undefined;
};

/** What a handshake said that later requests do not repeat. */
export type Session = { readonly nonce: string; readonly version: string; readonly canElicit: boolean };

const roundTuple = z.tuple([z.string(), z.string(), z.int()]).rest(z.string());
const sessionTuple = z.tuple([z.string(), z.string(), z.boolean()]);

/**
 * What clients carry for the gateway, so that any replica can go on with it: signed, and bound to its tenant. Nothing of it
 * is stored.
 */
export class Seals {
  readonly #states: Sealer;
  readonly #questions: Sealer;
  readonly #sessions: Sealer;

  constructor(sealerFor: SealerFor) {
    this.#states = sealerFor('mcp-state:');
    this.#questions = sealerFor('mcp-question:');
    this.#sessions = sealerFor('mcp-session:');
  }

  /** The `requestState` of a round trip. */
  sealState(round: Round): Promise<string> {
    return this.#states.seal(encodeRound(round));
  }

  /** Null for what was not given to this tenant. */
  async openState(text: string, tenant: string): Promise<Round | null> {
    return readRound(await this.#states.open(text), tenant);
  }

  /** The id of a question on a stream: its answer comes to any replica, with nothing but this id. */
  sealQuestion(round: Round): Promise<string> {
    return this.#questions.seal(encodeRound(round));
  }

  async openQuestion(text: string, tenant: string): Promise<Round | null> {
    return readRound(await this.#questions.open(text), tenant);
  }

  /** The id of a session, which says what its client can do. */
  openSessionFor({ version, canElicit }: Omit<Session, 'nonce'>): Promise<string> {
    const nonce = randomBytes(12).toString('base64url');
    return this.#sessions.seal(JSON.stringify([nonce, version, canElicit]));
  }

  /** Null for an id that was not given here. */
  async readSession(id: string): Promise<Session | null> {
    const text = await this.#sessions.open(id);
    if (text === null) return null;
    const [nonce, version, canElicit] = sessionTuple.parse(JSON.parse(text));
    return { nonce, version, canElicit };
  }
}

function encodeRound({ tenant, runId, seq, key }: Round): string {
  return JSON.stringify([tenant, runId, seq, ...(key === undefined ? [] : [key])]);
}

function readRound(text: string | null, tenant: string): Round | null {
  if (text === null) return null;
  const [owner, runId, seq, key] = roundTuple.parse(JSON.parse(text));
  return owner === tenant ? { tenant, runId, seq, key } : null;
}
