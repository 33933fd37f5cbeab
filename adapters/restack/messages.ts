import { createHash } from 'node:crypto';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { canonicalJson } from '../../src/json/canonical-json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';

/** A message that the engine has accepted, and the output that its agent showed before. */
type MessageRef = UpstreamRef & { readonly sessionRunId: string; readonly shown: string };

export function isMessage(upstream: UpstreamRef): upstream is MessageRef {
  return upstream.sessionRunId !== undefined && upstream.shown !== undefined;
}

/** `before` is the agent's run as it was before the message; null: it was not there. */
export function nameMessage(session: UpstreamRef, messageId: string, before: Json): MessageRef {
  const { runId, ...ids } = session;
  return { ...ids, runId: `${runId}:${messageId}`, sessionRunId: runId, shown: fingerprint(outputOf(before)) };
}

/** The session that a message went to. */
export function sessionOf(upstream: UpstreamRef): UpstreamRef {
  if (!isMessage(upstream)) return upstream;
  const { sessionRunId, shown: _, ...ids } = upstream;
  return { ...ids, runId: sessionRunId };
}

/** The agent's run as it answers the message: without the output that it showed before. */
export function sinceMessage(upstream: UpstreamRef, raw: Json): Json {
  if (!isMessage(upstream) || !isJsonObject(raw) || fingerprint(outputOf(raw)) !== upstream.shown) return raw;
  const { output: _, ...rest } = raw;
  return rest;
}

function outputOf(raw: Json): Json {
  return isJsonObject(raw) ? (raw.output ?? null) : null;
}

function fingerprint(output: Json): string {
  return createHash('sha256').update(canonicalJson(output)).digest('base64url');
}

/** The message was taken, and what the agent says to it is not in the answer. */
export function acknowledged(): UpstreamFault {
  return new UpstreamFault({
    consequence: 'unknown',
    kind: 'malformed',
    httpStatus: 200,
    message: 'the engine answered the event with ids only, before the agent has handled it; see eventAnswers',
  });
}
