import type { JsonObject } from '../../contract/domain/json.ts';
import type { NewRunWebhook, RunWebhook } from '../../contract/domain/run-webhook.ts';
import { present } from './messages.ts';
import type { PushConfig } from './schemas.ts';

/** The header in which receivers find the token of their config. */
const tokenHeader = 'X-A2A-Notification-Token';

/** A push notification config as a webhook of its run: its progress is pushed, as the task that it is then. */
export function newWebhookOf({ id, url, token, authentication }: PushConfig): NewRunWebhook {
  return {
    id: id === '' ? undefined : id,
    url,
    protocol: 'a2a',
    events: 'progress',
    token: token === undefined || token === '' ? undefined : { header: tokenHeader, value: token },
    authentication:
      authentication === undefined
        ? undefined
        : { scheme: authentication.scheme, credentials: authentication.credentials ?? '' },
  };
}

export function isPushConfig({ protocol }: RunWebhook): boolean {
  return protocol === 'a2a';
}

export function encodePushConfig(taskId: string, { id, url, token, authentication }: RunWebhook): JsonObject {
  return present({ taskId, id, url, token: token?.value, authentication });
}
