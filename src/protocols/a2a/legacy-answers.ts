import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { wrapMark } from './legacy-requests.ts';
import { present } from './messages.ts';
import type { MethodName } from './methods.ts';

/** The result of a method in the words of 0.3, where tasks and messages stand without a wrapper and say their kind. */
export function ageResult(method: MethodName, result: Json): Json {
  if (!isJsonObject(result)) return result;
  switch (method) {
    case 'SendMessage':
    case 'SendStreamingMessage':
    case 'SubscribeToTask':
      return ageStreamResponse(result);
    case 'GetTask':
    case 'CancelTask':
      return ageTask(result);
    case 'CreateTaskPushNotificationConfig':
    case 'GetTaskPushNotificationConfig':
      return agePushConfig(result);
    case 'ListTaskPushNotificationConfigs':
      return Array.isArray(result.configs) ? result.configs.map(agePushConfig) : [];
    case 'DeleteTaskPushNotificationConfig':
      return null;
    default:
      return result;
  }
}

const finalStates: ReadonlySet<Json> = new Set(['completed', 'failed', 'canceled', 'rejected', 'input-required']);

function ageStreamResponse({ task, message, statusUpdate, artifactUpdate }: JsonObject): Json {
  if (isJsonObject(task)) return ageTask(task);
  if (isJsonObject(message)) return ageMessage(message);
  if (isJsonObject(statusUpdate)) {
    const status = ageStatus(statusUpdate.status);
    return {
      ...statusUpdate,
      kind: 'status-update',
      status,
      final: isJsonObject(status) && finalStates.has(status.state ?? null),
    };
  }
  if (!isJsonObject(artifactUpdate)) return {};
  return { ...artifactUpdate, kind: 'artifact-update', artifact: ageArtifact(artifactUpdate.artifact ?? null) };
}

function ageTask(task: JsonObject): JsonObject {
  const { status, artifacts, history } = task;
  return present({
    ...task,
    kind: 'task',
    status: ageStatus(status),
    artifacts: Array.isArray(artifacts) ? artifacts.map(ageArtifact) : undefined,
    history: Array.isArray(history) ? history.map(ageMessage) : undefined,
  });
}

function ageStatus(status: Json | undefined): Json {
  if (!isJsonObject(status)) return {};
  const { state, message } = status;
  return present({
    ...status,
    state:
      typeof state === 'string'
        ? state
            .replace(/^TASK_STATE_/, '')
            .toLowerCase()
            .replaceAll('_', '-')
        : state,
    message: message === undefined ? undefined : ageMessage(message),
  });
}

function ageMessage(message: Json): Json {
  if (!isJsonObject(message)) return message;
  const { role, parts } = message;
  return {
    ...message,
    kind: 'message',
    role: role === 'ROLE_USER' ? 'user' : 'agent',
    parts: Array.isArray(parts) ? parts.map(agePart) : [],
  };
}

function ageArtifact(artifact: Json): Json {
  if (!isJsonObject(artifact)) return artifact;
  return { ...artifact, parts: Array.isArray(artifact.parts) ? artifact.parts.map(agePart) : [] };
}

function agePart(part: Json): Json {
  if (!isJsonObject(part)) return part;
  const { text, data, raw, url, mediaType, filename, metadata } = part;
  if (text !== undefined) return present({ kind: 'text', text, metadata });
  if (data === undefined) {
    const file = present({ bytes: raw, uri: url, mimeType: mediaType, name: filename });
    return present({ kind: 'file', file, metadata });
  }
  if (isJsonObject(data)) return present({ kind: 'data', data, metadata });
  const marked = { ...(isJsonObject(metadata) ? metadata : {}), [wrapMark]: true };
  return { kind: 'data', data: { value: data }, metadata: marked };
}

function agePushConfig(config: Json): Json {
  if (!isJsonObject(config)) return config;
  const { taskId, authentication, ...rest } = config;
  const aged = isJsonObject(authentication)
    ? {
        ...rest,
        authentication: present({ schemes: [authentication.scheme], credentials: authentication.credentials }),
      }
    : rest;
  return present({ taskId, pushNotificationConfig: aged });
}
