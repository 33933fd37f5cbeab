import { z } from 'zod';
import { parseException } from '../upstream/ssrf-address.ts';
import { nameSchema } from '../validation/name-schema.ts';

/** Node's timers and people's patience: about 23 days. */
const LONGEST_SECONDS = 2_000_000;

const seconds = z.number().positive().max(LONGEST_SECONDS);
const milliseconds = z
  .number()
  .positive()
  .max(LONGEST_SECONDS * 1000);
const count = z.int().positive();

/** An absolute http or https URL, given back without its trailing slash. Its problems never quote it. */
const baseUrlSchema = z.string().transform((text, context) => {
  const refuse = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  const url = URL.parse(text);
  if (url === null) return refuse('must be an absolute URL, such as https://host/path');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse('must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') return refuse('must hold no credentials');
  if (url.search !== '' || url.hash !== '') return refuse('must hold no query and no fragment');
  return url.href.replace(/\/+$/, '');
});

/** `sqlite:path` (relative to the current directory) or `postgres://user:password@host/database`. */
const storeUrlSchema = z.string().refine(isStoreUrl, 'must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE');

/** As a browser sends it; `*` is everyone. */
const originSchema = z
  .string()
  .refine(
    (text) => text === '*' || URL.parse(text)?.origin === text,
    'must be an origin, such as https://app.example, or "*"',
  );

export const serverSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 picks a free one. */
  port: z.int().min(0).max(65_535).default(8080),
  /** From the signal to the end of the process. */
  drainSeconds: seconds.default(10),
  /** Between two signs of life on a silent stream; proxies cut silence at 30 to 60 s. */
  heartbeatSeconds: seconds.max(300).default(15),
  /** The protocol that is served without a prefix. */
  rootProtocol: z.string().min(1).default('acp-v0.1'),
  /** What a request's unknown members do. */
  unknownFields: z.enum(['reject', 'ignore']).default('reject'),
  /** Whether `/metrics` shows the counters. It asks for no key, so it is off. */
  metrics: z.boolean().default(false),
  /** Left out, browsers let no page of another origin read the answers. */
  cors: z.strictObject({ origins: z.array(originSchema).min(1) }).optional(),
});

export const storeSchema = z.strictObject({ url: storeUrlSchema.default('sqlite:./data/rungate.db') });

export const limitsSchema = z.strictObject({
  /** The longest `block_timeout` that a client may ask for. */
  maxBlockSeconds: z.int().min(0).max(LONGEST_SECONDS).default(3600),
  maxBodyBytes: count.default(1_048_576),
  /** How deep objects and arrays may stand in each other in a body; what works on them is recursive. */
  maxJsonDepth: count.max(1000).default(100),
  /** Of the head of a request, with its path. */
  maxHeaderBytes: z.int().min(1024).max(1_048_576).default(16_384),
  /** Of one answer of a vendor. */
  maxAnswerBytes: count.default(10_485_760),
  idempotencyHours: z.number().positive().max(8760).default(24),
  /** Finished runs that are kept in memory. */
  cacheRuns: count.default(10_000),
  /** Of one mapping expression. */
  mappingTimeMs: milliseconds.default(100),
  /** Of a run or a thread, as JSON. */
  maxMetadataBytes: count.default(65_536),
  /** Of what a mapping makes of a vendor's answer, as JSON. */
  maxOutputBytes: count.default(10_485_760),
  /** Further ones are closed as they come. */
  maxConnections: count.default(16_384),
  /** Event streams that are open at the same time. */
  maxStreams: count.default(10_000),
  /** A reader that takes nothing of its answer for so long is cut off. */
  slowReaderSeconds: seconds.default(60),
  /** A request that has not arrived whole after so long is cut off. */
  slowRequestSeconds: seconds.default(30),
});

/** As Standard Webhooks has them: `whsec_` and the base64 of 24 to 64 bytes. Its problem never quotes it. */
const webhookSecretSchema = z
  .string()
  .refine(
    (text) => /^whsec_(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && isKeyLength(text),
    'must be "whsec_" and the base64 of 24 to 64 random bytes',
  );

export const webhooksSchema = z.strictObject({
  /** The first one signs first, the others beside it. Without one, no webhook is called. */
  secrets: z.array(webhookSecretSchema).max(8).default([]),
  /** A receiver that takes a delivery at no attempt within so long is not tried any more. */
  giveUpHours: z.number().positive().max(8760).default(24),
  /** Of one attempt. */
  timeoutSeconds: seconds.max(300).default(10),
  /** URLs that clients give must lead to the public internet, or to one of these hosts, addresses and ranges. */
  allow: z
    .array(z.string().refine((entry) => parseException(entry) !== null, 'must be a host, an address or a range'))
    .default([]),
});

/** How often upstream runs are observed; see `runs/pacing.ts`. */
export const pacingSchema = z
  .strictObject({
    floorMs: milliseconds.default(250),
    watchedCeilingMs: milliseconds.default(1000),
    ceilingMs: milliseconds.default(15_000),
  })
  .refine((pacing) => pacing.floorMs <= pacing.watchedCeilingMs, {
    path: ['watchedCeilingMs'],
    message: 'must be at least floorMs',
  })
  .refine((pacing) => pacing.watchedCeilingMs <= pacing.ceilingMs, {
    path: ['ceilingMs'],
    message: 'must be at least watchedCeilingMs',
  });

/** Finished runs are removed this long after their end. */
export const retentionSchema = z.strictObject({ days: z.number().positive().max(36_500).default(30) });

export const replicasSchema = z
  .strictObject({ heartbeatSeconds: seconds.default(5), deadAfterSeconds: seconds.default(15) })
  // One late beat must not cost a living replica its runs.
  .refine((replicas) => replicas.deadAfterSeconds >= 2 * replicas.heartbeatSeconds, {
    path: ['deadAfterSeconds'],
    message: 'must be at least twice heartbeatSeconds',
  });

export const logSchema = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

/** The keys that every backend has; the others belong to its adapter. */
export const backendSchema = z.strictObject({
  adapter: z.string(),
  baseUrl: baseUrlSchema,
  requestTimeoutSeconds: seconds.default(30),
  maxConnections: count.max(10_000).default(128),
  /** Of all replicas together, in any second. Left out, there is no bound. */
  requestsPerSecond: z
    .number()
    .positive()
    .max(100_000)
    .refine((rate) => rate < 1 || Number.isInteger(rate), 'must be a whole number, or less than 1')
    .optional(),
  /** How many of a second's requests may go back to back; left out, all of them. */
  burst: count.optional(),
  /** Runs that may be live at the vendor at once; further ones wait. */
  maxConcurrentRuns: count.optional(),
  /** Where the vendor reaches this gateway, so that it can say when a run ends. */
  push: z.strictObject({ publicUrl: baseUrlSchema }).optional(),
  /** By tenant: the adapter's keys that differ. A tenant that is not named has no use of the backend at all. */
  credentialsByTenant: z.record(nameSchema, z.record(z.string(), z.unknown())).optional(),
});

const jsonObject = z.record(z.string(), z.json());

export const agentSchema = z.strictObject({
  name: nameSchema.refine(
    (name) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name),
    'must not look like a UUID: requests name agents by either',
  ),
  version: z.string().min(1).default('0.0.0'),
  description: z.string().default(''),
  backend: z.string(),
  /** The adapter's to read. */
  target: z.unknown().optional(),
  timeoutSeconds: seconds.default(3600),
  lostAfterSeconds: z.number().min(0).max(LONGEST_SECONDS).default(60),
  onUnknownStart: z.enum(['fail', 'retry']).default('fail'),
  metadata: jsonObject.default({}),
  schemas: z
    .strictObject({
      input: jsonObject.default({}),
      output: jsonObject.default({}),
      config: jsonObject.default({}),
      interrupts: z
        .array(
          z.strictObject({
            interrupt_type: z.string().min(1),
            interrupt_payload: jsonObject.default({}),
            resume_payload: jsonObject.default({}),
          }),
        )
        .default([]),
    })
    .prefault({}),
  /** The mapping room's to read; a string names a file. */
  mapping: z.unknown().optional(),
});

export type AgentEntry = z.output<typeof agentSchema>;

/** The top level; its members are parsed one by one, so that each shows its own problems. */
export const rootSchema = z.strictObject({
  server: z.unknown().optional(),
  store: z.unknown().optional(),
  limits: z.unknown().optional(),
  pacing: z.unknown().optional(),
  retention: z.unknown().optional(),
  replicas: z.unknown().optional(),
  log: z.unknown().optional(),
  auth: z.unknown().optional(),
  webhooks: z.unknown().optional(),
  defaultAgent: z.unknown().optional(),
  backends: z.unknown().optional(),
  agents: z.unknown().optional(),
});

function isKeyLength(secret: string): boolean {
  const { length } = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return length >= 24 && length <= 64;
}

function isStoreUrl(url: string): boolean {
  if (url.startsWith('sqlite:')) return url.length > 'sqlite:'.length;
  return /^postgres(ql)?:\/\//.test(url) && URL.canParse(url);
}
