import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { parseEvents } from '../protocols/event-lines.ts';
import type { ProtocolDocument } from '../protocols/protocol-document.ts';
import type { FuzzRequest, OperationRequest } from './requests.ts';
import type { Answered, Sent } from './wire.ts';

/** What is wrong with an outcome; null: nothing. */
export function judge(request: FuzzRequest, sent: Sent, document: ProtocolDocument | null): string | null {
  switch (sent.kind) {
    case 'unanswered':
      return 'was not answered';
    case 'broken':
      // A body that is refused before it was read may meet a closed connection.
      return /ECONNRESET|EPIPE|socket hang up/.test(sent.reason) ? null : `broke: ${sent.reason}`;
    case 'closed': {
      const [fault] = sent.statuses.filter((status) => status >= 500);
      return fault === undefined ? null : `was answered with ${fault}`;
    }
    case 'left':
    case 'unsendable':
      return null;
    case 'answered':
      return request.kind === 'raw' || document === null ? null : judgeAnswer(request, sent, document);
  }
}

function judgeAnswer(
  request: OperationRequest,
  { status, headers, text }: Answered,
  document: ProtocolDocument,
): string | null {
  const { operation } = request;
  const isOffRoad = request.method !== null || !isInPlace(request);
  // Of an operation that the document says is not done here; another method, or another path, may have met one of those.
  const met = isOffRoad ? document.operations : [operation];
  const isRefused = status === 501 && met.some(({ answers }) => answers.has(501));
  if (status >= 500 && !isRefused) return `was answered with ${status} ${text}`;
  // An answer to HEAD is its head alone (RFC 9110, section 9.3.2).
  if (request.method === 'HEAD') return text === '' ? null : `was answered with a body: ${text.slice(0, 200)}`;
  const type = String(headers['content-type'] ?? '');
  if (type === 'application/problem+json') return judgeProblem(text, status);
  if (status < 300 && !isOffRoad && !operation.answers.has(status))
    return `was answered with ${status}, which no document knows`;
  if (text === '' && type !== 'text/event-stream')
    return status < 300 && !isOffRoad && (operation.answers.get(status) ?? []).length > 0
      ? 'was answered without a body'
      : null;
  const bodies = type === 'text/event-stream' ? parseEvents(text).map(({ data }) => data) : [text];
  for (const body of bodies) {
    const value = parse(body);
    if (value === undefined) return `was answered with what is no JSON: ${body.slice(0, 200)}`;
    // Another operation's answer has another document; an error is the same everywhere.
    if (isOffRoad && status < 400) continue;
    const faults = document.judgeAnswer(operation, status, type, value);
    if (faults.length > 0)
      return `was answered with ${status} ${body.slice(0, 500)}, and ${faults.slice(0, 3).join('; ')}`;
  }
  return null;
}

/** RFC 9457. */
function judgeProblem(text: string, status: number): string | null {
  const value = parse(text);
  if (!isJsonObject(value ?? null)) return 'was answered with a problem that is no object';
  const { title, status: stated, code } = value as { title?: Json; status?: Json; code?: Json };
  return typeof title === 'string' && typeof code === 'string' && stated === status
    ? null
    : `the body is not a problem document: ${text.slice(0, 300)}`;
}

/** Whether the path leads to the operation itself: an odd parameter may make another path of it. */
function isInPlace({ params, operation }: OperationRequest): boolean {
  if (Object.values(params).some((value) => !/^[\w:-]+$/.test(String(value)))) return false;
  // `/runs/{run_id}` with `search` is another operation.
  return (
    !Object.values(params).some((value) => /^(search|stream|wait)$/.test(String(value))) ||
    operation.path.includes('agent')
  );
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
