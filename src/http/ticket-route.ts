import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { AccessControl } from '../access/access-control.ts';
import { readCredential } from '../access/credentials.ts';
import type { Operation } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { uuid } from '../protocols/shared/requests.ts';
import { setJson } from './answers.ts';
import type { BodyReader } from './body.ts';
import { nameCaller, parsePart } from './request-parts.ts';
import { createRouter, type Mount, type Site } from './router.ts';
import { streamType } from './sse.ts';

export type TicketRouteDeps = { readonly accessControl: AccessControl; readonly readBody: BodyReader };

/** `path` is where a protocol streams the run; left out, it is the root's stream. */
const request = z.strictObject({ run_id: uuid, path: z.string().max(2048).optional() });

/** `POST /stream-tickets`: a URL with which a client that cannot send headers opens the stream of one run. */
export function routeTickets(mounts: readonly Mount[], deps: TicketRouteDeps): Site {
  return { prefix: '', createRouters: () => createTicketRouter(mounts, deps) };
}

function createTicketRouter(mounts: readonly Mount[], { accessControl, readBody }: TicketRouteDeps): Router {
  const router = createRouter('', { strict: true });
  const streams = mounts.flatMap(({ protocol, prefix }) =>
    protocol.operations.filter(takesTicket).map(({ path }) => streamPattern(prefix + path)),
  );
  const home = mounts.find(({ prefix }) => prefix === '')?.prefix ?? mounts[0]?.prefix ?? '';

  router.post('/stream-tickets', async (context) => {
    const caller = await accessControl.enter(context.req, context.res);
    const { run_id: runId, path = `${home}/runs/${runId}/stream` } = parsePart(
      request,
      await readBody(context, nameCaller(caller.principal, context)),
    );
    if (!streams.some((pattern) => pattern.exec(path)?.groups?.run_id?.toLowerCase() === runId)) {
      throw new GatewayError('invalid_request', { path: 'path', detail: 'must be the path of a stream of the run' });
    }
    // Whether the caller may see it: a ticket is a promise that the stream can be opened.
    await caller.api.runs.get({ tenant: caller.principal.tenant, runId });
    const { ticket, openBeforeMs } = await accessControl.issueTicket(caller, path);
    const answer = { ticket, url: `${path}?ticket=${ticket}`, open_before: new Date(openBeforeMs).toISOString() };
    setJson(context, JSON.stringify(answer));
  });
  return router;
}

/** Whether an operation streams one run, so that a ticket opens it. */
export function takesTicket({ method, path, answers }: Operation): boolean {
  const streams = Object.values(answers).some(({ contentType }) => contentType === streamType);
  return method === 'GET' && streams && path.includes('/:run_id/');
}

/** The ticket of a request that has no other credential; null where it has none. Throws `unauthorized` for two of them. */
export function readTicket({ method, querystring, query, req }: Context): string | null {
  if (querystring === '' || method !== 'GET' || query.ticket === undefined || readCredential(req) !== null) return null;
  if (typeof query.ticket === 'string') return query.ticket;
  throw new GatewayError('unauthorized', { detail: 'the request has two tickets' });
}

function streamPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:(\w+)/g, '(?<$1>[0-9a-fA-F-]{36})')}$`);
}
