import { v7 as uuidV7 } from 'uuid';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import {
  type NewRunWebhook,
  type RunWebhook,
  requestWebhookId,
  webhookBounds,
} from '../../contract/domain/run-webhook.ts';

/** The receivers of a run's changes, in the order in which they were added. */
export function webhooksOf({
  webhooks,
  request,
}: Pick<Run, 'request'> & Partial<Pick<Run, 'webhooks'>>): readonly RunWebhook[] {
  if (webhooks !== undefined) return webhooks;
  const { webhook: url, webhookTerms, origin } = request;
  if (url === undefined) return [];
  const { only: events = 'status', headers } = webhookTerms ?? {};
  const protocol = origin?.protocol ?? null;
  return [{ id: requestWebhookId, url, protocol, events, ...(headers === undefined ? {} : { headers }) }];
}

/**
 * The receivers with one more, in the place of the one with its id where there is one.
 *
 * @throws GatewayError `invalid_request`
 */
export function withWebhook(webhooks: readonly RunWebhook[], added: NewRunWebhook): readonly RunWebhook[] {
  const webhook: RunWebhook = { ...added, id: added.id ?? uuidV7() };
  checkWebhook(webhook);
  const place = webhooks.findIndex(({ id }) => id === webhook.id);
  if (place >= 0) return webhooks.with(place, webhook);
  if (webhooks.length >= webhookBounds.count) refuse('id', `would be one of more than ${webhookBounds.count} of a run`);
  return [...webhooks, webhook];
}

/** Headers of one call that are the receiver's own. */
export function headersOf({ headers, token, authentication }: RunWebhook): Readonly<Record<string, string>> {
  return {
    ...headers,
    ...(token === undefined ? {} : { [token.header.toLowerCase()]: token.value }),
    ...(authentication === undefined
      ? {}
      : { authorization: `${authentication.scheme} ${authentication.credentials}`.trim() }),
  };
}

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const headerValue = /^[\t\x20-\x7e]*$/;
/** Headers that belong to the connection or to the body. */
const ownHeader =
  /^(?:connection|content-encoding|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$/i;

function checkWebhook(webhook: RunWebhook): void {
  const { id, url } = webhook;
  if (id.length === 0 || id.length > webhookBounds.idLength || !id.isWellFormed())
    refuse('id', `must have 1 to ${webhookBounds.idLength} characters`);
  const parsed = url.length > webhookBounds.urlLength ? null : URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) refuse('url', 'must be an http or https URL');
  const headers = Object.entries(headersOf(webhook));
  let length = 0;
  for (const [name, value] of headers) {
    length += name.length + value.length;
    if (!headerName.test(name) || ownHeader.test(name)) refuse('headers', 'must not have such a name');
    if (!headerValue.test(value)) refuse('headers', 'must be visible ASCII');
  }
  if (length > webhookBounds.headersLength)
    refuse('headers', `must have at most ${webhookBounds.headersLength} characters`);
}

function refuse(path: string, detail: string): never {
  throw new GatewayError('invalid_request', { path, detail });
}
