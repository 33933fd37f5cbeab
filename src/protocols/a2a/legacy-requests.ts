import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { A2aRefusal } from './errors.ts';
import { present } from './messages.ts';
import type { MethodName } from './methods.ts';

/** The methods of 0.3 by today's names. It has none that lists tasks. */
export const legacyMethods: Readonly<Record<string, MethodName>> = {
  'message/send': 'SendMessage',
  'message/stream': 'SendStreamingMessage',
  'tasks/get': 'GetTask',
  'tasks/cancel': 'CancelTask',
  'tasks/resubscribe': 'SubscribeToTask',
  'tasks/pushNotificationConfig/set': 'CreateTaskPushNotificationConfig',
  'tasks/pushNotificationConfig/get': 'GetTaskPushNotificationConfig',
  'tasks/pushNotificationConfig/list': 'ListTaskPushNotificationConfigs',
  'tasks/pushNotificationConfig/delete': 'DeleteTaskPushNotificationConfig',
  'agent/getAuthenticatedExtendedCard': 'GetExtendedAgentCard',
};

/**
 * The params of a request of 0.3 as today's. What is not as 0.3 has it passes as it is, so that the schema of today's params
 * refuses it. Throws `INVALID_PARAMS` for a part of an unknown kind.
 */
export function renewParams(method: MethodName, params: Json | undefined): Json | undefined {
  if (!isJsonObject(params)) return params;
  switch (method) {
    case 'SendMessage':
    case 'SendStreamingMessage':
      return present({
        ...params,
        message: renewMessage(params.message),
        configuration: renewConfiguration(params.configuration),
      });
    case 'CreateTaskPushNotificationConfig': {
      const config = renewPushConfig(params.pushNotificationConfig);
      return isJsonObject(config) ? { ...config, taskId: params.taskId ?? null } : params;
    }
    case 'GetTaskPushNotificationConfig':
    case 'DeleteTaskPushNotificationConfig':
      return present({ taskId: params.id, id: params.pushNotificationConfigId });
    case 'ListTaskPushNotificationConfigs':
      return present({ taskId: params.id });
    default:
      return params;
  }
}

const roles: Readonly<Record<string, string>> = { user: 'ROLE_USER', agent: 'ROLE_AGENT' };

function renewMessage(message: Json | undefined): Json | undefined {
  if (!isJsonObject(message)) return message;
  const { role, parts } = message;
  return present({
    ...message,
    role: typeof role === 'string' ? (roles[role] ?? role) : role,
    parts: Array.isArray(parts) ? parts.map(renewPart) : parts,
  });
}

function renewPart(part: Json, at: number): Json {
  if (!isJsonObject(part)) return part;
  const { kind, text, data, file, metadata } = part;
  if (kind === 'text') return present({ text, metadata });
  if (kind === 'data') return present({ data: unwrapped(data, metadata), metadata });
  if (kind === 'file' && isJsonObject(file)) {
    const { bytes, uri, mimeType, name } = file;
    return present({ raw: bytes, url: uri, mediaType: mimeType, filename: name, metadata });
  }
  throw new A2aRefusal('INVALID_PARAMS', 'must be text, data or file', `message.parts[${at}].kind`);
}

/** Data parts of 0.3 are objects; clients that speak both versions put any other value into one, with this mark. */
export const wrapMark = 'data_part_compat';

function unwrapped(data: Json | undefined, metadata: Json | undefined): Json | undefined {
  return isJsonObject(metadata) && metadata[wrapMark] === true && isJsonObject(data) ? data.value : data;
}

function renewConfiguration(configuration: Json | undefined): Json | undefined {
  if (!isJsonObject(configuration)) return configuration;
  const { blocking, pushNotificationConfig, ...rest } = configuration;
  return present({
    ...rest,
    returnImmediately: blocking === false ? true : undefined,
    taskPushNotificationConfig: renewPushConfig(pushNotificationConfig),
  });
}

function renewPushConfig(config: Json | undefined): Json | undefined {
  if (!isJsonObject(config) || !isJsonObject(config.authentication)) return config;
  const { schemes, credentials } = config.authentication;
  const scheme = Array.isArray(schemes) ? schemes[0] : undefined;
  const authentication: JsonObject | undefined = scheme === undefined ? undefined : present({ scheme, credentials });
  return present({ ...config, authentication });
}
