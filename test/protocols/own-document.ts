import type { Case } from './conformance-cases.ts';
import { parseEvents } from './event-lines.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { openProtocols } from './protocol-sites.ts';

/** The document of a protocol as the gateway serves it. */
export async function readOwnDocument(prefix: string): Promise<ProtocolDocument> {
  await using site = await openProtocols();
  return new ProtocolDocument(await (await site.fetch(`${prefix}/openapi.json`)).json());
}

/** Faults of the answer to one call, by the document that the gateway serves. */
export async function judgeByOwnDocument(
  prefix: string,
  document: ProtocolDocument,
  call: Case,
): Promise<readonly string[]> {
  await using site = await openProtocols();
  call.prepare?.(site.api);
  const operation = document.find(call.operation);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => call.params?.[name] ?? '');
  const query = call.query === undefined ? '' : `?${call.query}`;
  const sent = { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } };
  const init = { method: operation.method.toUpperCase(), ...(call.body === undefined ? {} : sent) };
  const answer = await site.fetch(`${prefix}${path}${query}`, init);
  const text = await answer.text();
  if (answer.status !== call.status) return [`${answer.status} instead of ${call.status}: ${text}`];
  const types = operation.answers.get(answer.status);
  if (types?.length === 0) return text === '' ? [] : [`a body where the document has none: ${text}`];
  const mediaType = answer.headers.get('content-type') ?? '';
  const bodies = mediaType === 'text/event-stream' ? parseEvents(text).map(({ data }) => data) : [text];
  if (bodies.length === 0) return ['a stream without events'];
  return bodies.flatMap((body) => document.judgeAnswer(operation, answer.status, mediaType, JSON.parse(body)));
}

/** Statuses that the document has and no case shows. */
export function untested({ operations }: ProtocolDocument, cases: readonly Case[]): readonly string[] {
  const shown = new Set(cases.map(({ operation, status }) => `${operation} ${status}`));
  const documented = operations.flatMap(({ id, answers }) => [...answers.keys()].map((status) => `${id} ${status}`));
  return documented.filter((each) => !shown.has(each));
}
