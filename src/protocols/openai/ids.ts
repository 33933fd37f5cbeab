import { GatewayError } from '../../contract/domain/errors.ts';

/**
 * A response is a run from its beginning, or from an interrupt that was answered, up to its end or to the next interrupt
 * that was: a response that has ended with a question never changes, and its answer begins another one.
 */
export type ResponseKey = {
  readonly runId: string;
  /** Number of the run's event that the response follows: 0, or that of the interrupt. */
  readonly fromSeq: number;
};

const uuid = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
/** The id of a run is that of its first response too. */
export const responseIdPattern = new RegExp(`^(resp_)?${uuid}(_[1-9][0-9]{0,8})?$`);
export const conversationIdPattern = new RegExp(`^(conv_)?${uuid}$`);
const callIdPattern = new RegExp(`^call_${uuid}_[1-9][0-9]{0,8}$`);

export function responseIdOf({ runId, fromSeq }: ResponseKey): string {
  return `resp_${runId}${partOf(fromSeq)}`;
}

/** The text has {@link responseIdPattern}. */
export function readResponseId(text: string): ResponseKey {
  const [runId = '', fromSeq = '0'] = text.replace(/^resp_/, '').split('_');
  return { runId: runId.toLowerCase(), fromSeq: Number(fromSeq) };
}

export function messageIdOf({ runId, fromSeq }: ResponseKey): string {
  return `msg_${runId}${partOf(fromSeq)}`;
}

/** `seq`: of the interrupt's event. */
export function callIdsOf(runId: string, seq: number): { readonly id: string; readonly call_id: string } {
  return { id: `fc_${runId}_${seq}`, call_id: `call_${runId}_${seq}` };
}

/** The run, and the number of the interrupt's event. Throws `unfit_request` for what is no such id. */
export function readCallId(text: string): { readonly runId: string; readonly seq: number } {
  if (!callIdPattern.test(text)) {
    const detail = `has no function call with the id ${text}`;
    throw new GatewayError('unfit_request', { path: 'input', detail });
  }
  const [, runId = '', seq = ''] = text.split('_');
  return { runId: runId.toLowerCase(), seq: Number(seq) };
}

const itemIdPattern = new RegExp(`^(?:msg|fc|fco)_(${uuid})(?:_|$)`);

/** The run that an item belongs to; null for what is no id of an item. */
export function runIdOfItem(itemId: string): string | null {
  return itemIdPattern.exec(itemId)?.[1] ?? null;
}

export function conversationIdOf(threadId: string): string {
  return `conv_${threadId}`;
}

/** The text has {@link conversationIdPattern}. */
export function readConversationId(text: string): string {
  return text.replace(/^conv_/, '').toLowerCase();
}

function partOf(fromSeq: number): string {
  return fromSeq === 0 ? '' : `_${fromSeq}`;
}
