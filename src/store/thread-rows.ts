import { z } from 'zod';
import { parseSliced } from '../compute/sliced-json.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import {
  type Checkpoint,
  type CheckpointCounts,
  type Session,
  type Thread,
  threadStatuses,
} from '../contract/domain/thread.ts';
import { StorageFault } from '../contract/store/store.ts';
import { readJson } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';
import { listEntries } from './search-entries.ts';

const jsonText = z.string().transform(readJson);
const jsonArray = jsonText.refine((value): value is readonly Json[] => Array.isArray(value));
const jsonObject = jsonText.refine((value): value is JsonObject => isJsonObject(value));
const integer = z.number().int();

const session = jsonText.pipe(
  z.object({
    agentId: z.string(),
    upstream: z.object({ runId: z.string() }).catchall(z.string()),
    backend: z.string().optional(),
  }),
);

const threadRow = z.object({
  thread_id: z.string(),
  tenant: z.string(),
  name: z.string().nullable(),
  agent_id: z.string().nullable(),
  status: z.enum(threadStatuses),
  active_run_id: z.string().nullable(),
  session: session.nullable(),
  version: integer,
  created_at_ms: z.number(),
  updated_at_ms: z.number(),
  metadata: jsonObject,
  state_values: jsonText,
  messages: jsonArray,
});

const checkpointRow = z.object({
  checkpoint_id: z.string(),
  run_id: z.string().nullable(),
  at_ms: z.number(),
  metadata: jsonObject,
  state_values: jsonText,
  messages: jsonArray,
});

/** Columns of `threads` and `thread_states` that {@link decodeThread} reads, for a select list. */
export const threadColumns = [
  ...['thread_id', 'tenant', 'name', 'agent_id', 'status', 'active_run_id', 'session', 'version', 'created_at_ms'],
  'updated_at_ms',
]
  .map((column) => `threads.${column}`)
  .concat(['metadata', 'state_values', 'messages'].map((column) => `thread_states.${column}`))
  .join(', ');

/** Columns of `checkpoints` that {@link decodeCheckpoint} reads. */
export const checkpointColumns = 'checkpoint_id, run_id, at_ms, metadata, state_values, messages';

/** The same columns with an empty state, which is not read. */
export const stateless = (columns: string): string =>
  columns
    .replace(/\b(thread_states\.)?state_values\b/, "'null' AS state_values")
    .replace(/\b(thread_states\.)?messages\b/, "'[]' AS messages");

/** The state of a thread, as its columns hold it. */
export type EncodedState = {
  readonly values: string;
  readonly valueEntries: readonly string[];
  readonly messages: string;
};

export function encodeThreadState({ values, messages }: Pick<Thread, 'values' | 'messages'>): EncodedState {
  return {
    values: JSON.stringify(values),
    valueEntries: isJsonObject(values) ? listEntries(values) : [],
    messages: JSON.stringify(messages),
  };
}

export function encodeMetadata(metadata: JsonObject): string {
  return JSON.stringify(metadata);
}

/** Metadata with further members, as its columns hold it; null where nothing changes. */
export function mergeMetadata(
  text: string,
  more: JsonObject,
): { readonly text: string; readonly entries: readonly string[] } | null {
  const before: JsonObject = jsonObject.parse(text);
  const merged = { ...before, ...more };
  const next = encodeMetadata(merged);
  return next === text ? null : { text: next, entries: listEntries(merged) };
}

export function encodeSession(session: Session | null): string | null {
  return session === null ? null : JSON.stringify(session);
}

/** @throws StorageFault when the row cannot be decoded. */
export function decodeThread(row: unknown): Thread {
  try {
    const columns = threadRow.parse(row);
    return {
      threadId: columns.thread_id,
      tenant: columns.tenant,
      name: columns.name,
      agentId: columns.agent_id,
      metadata: columns.metadata,
      status: columns.status,
      values: columns.state_values,
      messages: columns.messages,
      activeRunId: columns.active_run_id,
      session: columns.session,
      version: columns.version,
      createdAtMs: columns.created_at_ms,
      updatedAtMs: columns.updated_at_ms,
    };
  } catch (cause) {
    throw new StorageFault('a thread in the database cannot be read', cause);
  }
}

/** @throws StorageFault when the row cannot be decoded. */
export function decodeCheckpoint(threadId: string, row: unknown): Checkpoint {
  try {
    const columns = checkpointRow.parse(row);
    return {
      checkpointId: columns.checkpoint_id,
      threadId,
      values: columns.state_values,
      messages: columns.messages,
      metadata: columns.metadata,
      runId: columns.run_id,
      atMs: columns.at_ms,
    };
  } catch (cause) {
    throw new StorageFault('a checkpoint in the database cannot be read', cause);
  }
}

/** Longer texts are parsed in slices. */
const maxParsedAtOnce = 65_536;
const stateTexts = z.object({ state_values: z.string(), messages: z.string() });

/**
 * Decodes a row that may hold a large state, without holding the event loop for long.
 *
 * @param decode what decodes the row with an empty state.
 * @throws StorageFault when the row cannot be decoded; the promise rejects with it.
 */
export function decodeLarge<Row extends { readonly values: Json; readonly messages: readonly Json[] }>(
  row: object,
  decode: (row: unknown) => Row,
): Row | Promise<Row> {
  const texts = stateTexts.safeParse(row).data;
  if (texts === undefined || texts.state_values.length + texts.messages.length <= maxParsedAtOnce) return decode(row);
  return parseState(decode({ ...row, state_values: 'null', messages: '[]' }), texts);
}

async function parseState<Row>(empty: Row, texts: z.output<typeof stateTexts>): Promise<Row> {
  try {
    const values = await parseSliced(texts.state_values);
    const messages = z.custom<readonly Json[]>(Array.isArray).parse(await parseSliced(texts.messages));
    return { ...empty, values, messages };
  } catch (cause) {
    throw new StorageFault('a state in the database cannot be read', cause);
  }
}

const countsRow = z.object({ alls: integer, runs: integer });

export function decodeCounts(row: unknown): CheckpointCounts {
  const { alls, runs } = countsRow.parse(row);
  return { runs, patches: alls - runs };
}
