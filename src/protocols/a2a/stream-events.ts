import { assertNever } from '../../contract/domain/assert-never.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { instantOf } from '../shared/answers.ts';
import { present } from './messages.ts';
import {
  encodeAgentMessage,
  encodeArtifacts,
  encodeFailure,
  encodeQuestion,
  failedState,
  liveState,
  type TaskIds,
} from './tasks.ts';

/** An event of a run as `StreamResponse` objects. `reply` is the text of its output, where that has one of its own. */
export function encodeEvent(event: RunEvent, ids: TaskIds, reply: string | null): readonly JsonObject[] {
  const { change, seq } = event;
  switch (change.kind) {
    case 'phase': {
      if (change.phase === 'done') return [];
      const { note } = change;
      const message = note === undefined ? undefined : encodeAgentMessage(ids, seq, [{ text: note }]);
      return [encodeStatus(event, ids, liveState(change.phase), message)];
    }
    case 'replaced':
      return [];
    case 'partial':
      return encodeArtifactUpdates(change.value, ids, reply, false);
    case 'interrupt':
      return [encodeStatus(event, ids, 'TASK_STATE_INPUT_REQUIRED', encodeQuestion(change.payload, ids, seq))];
    case 'result':
      return [
        ...encodeArtifactUpdates(change.value, ids, reply, true),
        encodeStatus(event, ids, 'TASK_STATE_COMPLETED'),
      ];
    case 'error':
      return [encodeStatus(event, ids, failedState(change.errcode), encodeFailure(change, ids, seq))];
    default:
      return assertNever(change);
  }
}

/** Each output takes the place of the one before. */
function encodeArtifactUpdates(
  output: Json,
  ids: TaskIds,
  reply: string | null,
  isLast: boolean,
): readonly JsonObject[] {
  return encodeArtifacts(output, reply).map((artifact) => ({
    artifactUpdate: { ...ids, artifact, append: false, lastChunk: isLast },
  }));
}

function encodeStatus({ atMs }: RunEvent, ids: TaskIds, state: string, message?: JsonObject): JsonObject {
  return { statusUpdate: { ...ids, status: present({ state, message, timestamp: instantOf(atMs) }) } };
}
