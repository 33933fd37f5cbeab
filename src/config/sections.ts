// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples

import { z } from 'zod';
import { maxWaitSeconds } from '../contract/domain/clock.ts';
import {
  allowedHost,
  baseUrl,
  count,
  milliseconds,
  origin,
  postgresUrl,
  seconds,
  servedHost,
  storeUrl,
  webhookSecret,
} from './value-schemas.ts';

// The descriptions below are what docs/config.md, schema/config.json and rungate.example.yaml say of each key. Bounds
// and defaults are taken from the schema itself, so a description does not repeat them.

/** The protocols that the gateway mounts. */
export const protocolNames = ['acp-v0.1', 'acp-v0.2', 'agent-protocol'] as const;

export const serverSchema = z
  .strictObject({
    host: z
      .string()
      .regex(/^\S+$/, 'must be a name or an address, without spaces')
      .default('127.0.0.1')
      .describe('Address to listen on; `--host` overrides it. Without `auth` it must be a loopback address.'),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(8080)
      .describe('Port to listen on; `--port` overrides it. 0 picks a free one.'),
    hosts: z
      .array(servedHost)
      .default([])
      .meta({
        description:
          'Host names under which clients call the gateway, as in their URLs but without a port. Without `auth`, a request under another name than these, `host` and those of the loopback is refused with 421. With `auth`, every name is served where this list is empty. `"*"` is every name.',
        examples: [['rungate.internal']],
      }),
    publicUrl: baseUrl.optional().meta({
      description:
        'Address under which clients reach the gateway, where answers have to name it: in the agent cards of A2A and the metadata of protected resources. Left out, the scheme and the `Host` of each request. Behind a proxy that ends TLS it must be given.',
      examples: ['https://rungate.example'],
    }),
    drainSeconds: seconds
      .default(10)
      .describe(
        'Time from SIGTERM or SIGINT to the end of the process. Work that is not finished by then is recovered later.',
      ),
    heartbeatSeconds: seconds
      .max(300)
      .default(15)
      .describe(
        'Interval of heartbeats on a silent event stream. Proxies usually cut silent connections after 30 to 60 s.',
      ),
    rootProtocol: z.enum(protocolNames).default('acp-v0.1').describe('Protocol that is served without a prefix.'),
    unknownFields: z
      .enum(['reject', 'ignore'])
      .default('reject')
      .describe(
        'Whether a request with fields that its protocol does not define is refused, or the fields are dropped. Fields that decide which agent runs, or how, are refused in any case.',
      ),
    metrics: z
      .boolean()
      .default(false)
      .describe('Serves metrics at `/metrics`. The endpoint asks for no key, so let only your monitoring reach it.'),
    cors: z
      .strictObject({
        origins: z
          .array(origin)
          .min(1)
          .meta({
            description: 'Origins whose pages may read answers. `"*"` is every origin.',
            examples: [['https://app.example']],
          }),
      })
      .optional()
      .describe(
        'Lets web pages of other origins call the gateway. Left out, browsers keep its answers from them, and a gateway without `auth` refuses them.',
      ),
  })
  .describe('Where the gateway listens and how it speaks.');

export const a2aSchema = z
  .strictObject({
    uniqueMessageIds: z
      .boolean()
      .default(true)
      .describe(
        'Whether a message with the id of an earlier one is that message, sent again, which begins no second task. Turn it off for clients that give each message the same id; then each message begins a task, also one that is sent again because its answer was lost.',
      ),
  })
  .prefault({})
  .describe('How agents are served over A2A, under `/a2a/{agent}`.');

export const storeSchema = z
  .strictObject({
    url: storeUrl.default('sqlite:./data/rungate.db').meta({
      description:
        '`sqlite:PATH` for one process (relative to the current directory), or `postgres://USER:PASSWORD@HOST/DATABASE` for any number of replicas. Several PostgreSQL servers, of which the one that takes writes is used, are `HOST:PORT,HOST:PORT`.',
      examples: ['postgres://rungate:${RUNGATE_DB_PASSWORD}@db.internal/rungate'],
    }),
    notifyUrl: postgresUrl.optional().meta({
      description:
        'Where `url` is that of a pooler which shares sessions by transactions, as pgbouncer does with `pool_mode = transaction`: the URL of the PostgreSQL server itself, for one connection of each replica that listens.',
      examples: ['postgres://rungate@db.internal/rungate'],
    }),
    staleAfterMinutes: z
      .number()
      .positive()
      .max(525_600)
      .default(15)
      .describe(
        'A database whose last heartbeat is older than this and that was not stopped cleanly may be an old copy: what was not sent to vendors yet waits for `rungate restore`.',
      ),
  })
  .describe('The database that holds runs, threads and items.');

export const limitsSchema = z
  .strictObject({
    maxBlockSeconds: z
      .int()
      .min(0)
      .max(maxWaitSeconds)
      .default(3600)
      .describe('Longest `block_timeout` that a request may ask for.'),
    maxBodyBytes: count
      .default(1_048_576)
      .describe('Largest request body, after decompression. A larger one is refused with 413.'),
    maxJsonDepth: count
      .max(1000)
      .default(100)
      .describe('Deepest nesting of objects and arrays in a request body. A deeper one is refused with 422.'),
    maxHeaderBytes: z
      .int()
      .min(1024)
      .max(1_048_576)
      .default(16_384)
      .describe('Largest head of a request: its path and headers. A larger one is refused with 431.'),
    maxAnswerBytes: count.default(10_485_760).describe('Largest answer that is read from a vendor.'),
    idempotencyHours: z
      .number()
      .positive()
      .max(8760)
      .default(24)
      .describe('How long an `Idempotency-Key` is remembered.'),
    cacheRuns: count.default(10_000).describe('Number of finished runs that are kept in memory.'),
    mappingTimeMs: milliseconds.default(100).describe('Time that one evaluation of a mapping expression may take.'),
    checkTimeMs: milliseconds
      .default(250)
      .describe(
        "Time that a check of an input, a config or a resume payload against the agent's schema may take. " +
          'A longer one is refused with 422.',
      ),
    maxListBytes: count
      .default(8_388_608)
      .describe(
        'Largest answer of a list or a search, unless it is one row. What fits is answered, and `X-Pagination-Next` ' +
          'says where the next page begins.',
      ),
    maxMetadataBytes: count
      .default(65_536)
      .describe('Largest metadata of a run or a thread, as JSON. Larger metadata is refused with 422.'),
    maxOutputBytes: count
      .default(10_485_760)
      .describe('Largest mapped output, as JSON. A run with a larger one ends as `error` 1005.'),
    maxUnsentBytes: count
      .default(67_108_864)
      .describe(
        'Bytes of answers and events that one caller leaves unread. Beyond it the readers that took nothing for the longest time are disconnected, and further large answers are refused with 429. Equal answers count once. A caller is a key, or an address where there are no keys.',
      ),
    maxUnsentBytesTotal: count
      .default(134_217_728)
      .describe('The same of all callers together; further large answers are refused with 503.'),
    maxArrivingBytes: count
      .default(67_108_864)
      .describe(
        'Bytes of request bodies of one caller that have not arrived whole. Further ones are refused with 429.',
      ),
    maxArrivingBytesTotal: count
      .default(134_217_728)
      .describe('The same of all callers together. Further ones are refused with 503.'),
    maxConnections: count.default(16_384).describe('Open client connections. Further ones are closed as they arrive.'),
    maxStreams: count.default(10_000).describe('Open event streams. Further ones are refused with 503.'),
    slowReaderSeconds: seconds
      .default(60)
      .describe('A client that reads nothing of its answer for this long is disconnected.'),
    slowRequestSeconds: seconds
      .default(30)
      .describe('Time for a whole request to arrive. A slower one is refused with 408.'),
  })
  .describe('Bounds on what one request, one answer and one reader may take.');

export const pacingSchema = z
  .strictObject({
    floorMs: milliseconds
      .default(250)
      .describe(
        'Shortest wait between two polls of a run. A run that a client watches is first looked at after 2 ms and then at twice its age each time, until this holds.',
      ),
    watchedCeilingMs: milliseconds
      .default(1000)
      .describe('Longest wait while a client waits for the run or streams it.'),
    ceilingMs: milliseconds.default(15_000).describe('Longest wait while no client does.'),
  })
  .refine((pacing) => pacing.floorMs <= pacing.watchedCeilingMs, {
    path: ['watchedCeilingMs'],
    message: 'must be at least floorMs',
  })
  .refine((pacing) => pacing.watchedCeilingMs <= pacing.ceilingMs, {
    path: ['ceilingMs'],
    message: 'must be at least watchedCeilingMs',
  })
  .describe(
    'How often runs are polled at their vendors. The gateway learns how long the runs of an agent take and polls when one is likely to end, within these bounds.',
  );

export const retentionSchema = z
  .strictObject({
    days: z
      .number()
      .positive()
      .max(36_500)
      .default(30)
      .describe('Finished runs are removed this long after their end.'),
  })
  .describe('How long finished runs are kept.');

export const replicasSchema = z
  .strictObject({
    heartbeatSeconds: seconds.default(5).describe('Interval at which a replica renews its lease.'),
    deadAfterSeconds: seconds
      .default(15)
      .describe(
        'After this long without a heartbeat the other replicas claim the runs of a replica. At least two heartbeats.',
      ),
  })
  // One late heartbeat must not cost a living replica its runs.
  .refine((replicas) => replicas.deadAfterSeconds >= 2 * replicas.heartbeatSeconds, {
    path: ['deadAfterSeconds'],
    message: 'must be at least twice heartbeatSeconds',
  })
  .describe('How replicas on one PostgreSQL database watch each other.');

export const adminSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe(
        'Serves the admin API under `/admin/v1`. Keys and tokens need a `role` for it. Without `auth` only this machine may use it; with `auth: none` it needs a `port` of its own.',
      ),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .nullable()
      .default(null)
      .meta({
        description:
          'Port of a listener of its own, with health and metrics too: then the other port serves nothing of it. 0 picks a free one. Null: it is served where everything else is.',
        examples: [9090],
      }),
    host: z
      .string()
      .regex(/^\S+$/, 'must be a name or an address, without spaces')
      .default('127.0.0.1')
      .describe('Address of that listener. Without keys or tokens it must be a loopback address.'),
  })
  .describe('What operators see and do.');

export const logSchema = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('Least severe level that is written.'),
    access: z
      .boolean()
      .default(false)
      .describe('Writes a line for each request: its id, operation, status and how long its answer took to begin.'),
    format: z
      .enum(['auto', 'json', 'pretty'])
      .default('auto')
      .describe('`json` writes one object a line, `pretty` lines for people, `auto` the latter on a terminal.'),
  })
  .describe('The log on standard output.');

export const tracingSchema = z
  .strictObject({
    otlp: baseUrl
      .nullable()
      .default(null)
      .meta({
        description:
          'Where a collector takes traces by OTLP over HTTP. With it, rungate reports its spans; null: it makes none, and the `traceparent` of a client is still kept with the run and handed on.',
        examples: ['http://localhost:4318/v1/traces'],
      }),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+.^`|~\w-]+$/, 'must be the name of a header'), z.string())
      .default({})
      .meta({
        description: 'Headers that the collector asks for, such as a key.',
        examples: [{ 'x-api-key': '${OTLP_KEY}' }],
      }),
    serviceName: z.string().min(1).default('rungate').describe('Under which name the spans are shown.'),
    sampleRatio: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Share of the traces that begin here which are reported. What a client decided for its own is kept.'),
  })
  .describe('Traces of requests and runs, as OpenTelemetry has them.');

export const webhooksSchema = z
  .strictObject({
    secrets: z
      .array(webhookSecret)
      .max(8)
      .default([])
      .meta({
        description:
          'Secrets that sign deliveries, `whsec_` and base64 each; `openssl rand -base64 32` makes the base64. Every delivery is signed with all of them, so that they can be rotated. Without one, a request with a `webhook` is refused with 422, unless `unsigned` is true.',
        examples: [['${RUNGATE_WEBHOOK_SECRET}']],
      }),
    unsigned: z
      .boolean()
      .default(false)
      .describe('Sends deliveries without a signature where there is no secret. Receivers cannot tell who sent them.'),
    giveUpHours: z
      .number()
      .positive()
      .max(8760)
      .default(24)
      .describe('A delivery that no attempt got through within this time is given up.'),
    timeoutSeconds: seconds.max(300).default(10).describe('Time for one attempt at a delivery.'),
    allow: z
      .array(allowedHost)
      .default([])
      .meta({
        description:
          'Hosts, addresses and ranges that a URL of a client may lead to although they are not public. It holds for webhooks and for the URLs in the `config` of a run.',
        examples: [['hooks.corp.internal', '10.1.0.0/16']],
      }),
  })
  .describe('Signed calls to the `webhook` of a run at each change of its status, as Standard Webhooks defines them.');

export const vendorsSchema = z
  .array(z.string().min(1))
  .default([])
  .meta({
    description:
      'Vendor files of your own, relative to the config; the `vendor` of each is the `adapter` of its backends. Those that ship with rungate need no mention.',
    examples: [['./acme.yaml']],
  });
