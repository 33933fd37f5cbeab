import type { Additions } from './case-calls.ts';

export type Client = {
  readonly vendor: string;
  /** What the vendor publishes, pinned. `test/vendors/sdk/scripts/VENDOR.mjs` uses it. */
  readonly packages: readonly string[];
  /** Packages of PyPI, all that are needed, which `VENDOR.py` uses; what else the first one names is not installed. */
  readonly isPython?: boolean;
  readonly additions?: Additions;
  /** Below the vendor's stand-in, where it has one. */
  readonly path?: string;
};

/** The vendors whose published client is tried against the cases of their file. */
export const clients: readonly Client[] = [
  // The client counts its calls, and says of a message what it has not.
  {
    vendor: 'a2a',
    packages: ['@a2a-js/sdk@1.3.0'],
    path: '/concierge',
    additions: { body: [], unlike: ['id'] },
  },
  // The client counts its calls.
  { vendor: 'a2a-v03', packages: ['@a2a-js/sdk@0.3.14'], additions: { unlike: ['id'] } },
  { vendor: 'anthropic-agents', packages: ['@anthropic-ai/sdk@1.14.0'], additions: { query: ['beta'] } },
  { vendor: 'apify', packages: ['apify-client@2.25.0'] },
  { vendor: 'azure-foundry', packages: ['@azure/ai-agents@1.1.0'] },
  { vendor: 'browser-use', packages: ['browser-use-sdk@3.11.3'] },
  { vendor: 'browserbase', packages: ['@browserbasehq/sdk@2.21.0'] },
  // The client names the agent itself, asks who the user of its key is, and follows the run in addition.
  {
    vendor: 'cursor',
    packages: ['@cursor/sdk@1.0.18'],
    additions: {
      body: ['agentId'],
      calls: [
        'POST /auth/exchange_user_api_key',
        'GET /v1/agents/bc-0199c5a0-0000-7000-8000-000000000003/runs/run-0199c5a0-0000-7000-8000-000000000002/stream',
      ],
    },
  },
  { vendor: 'exa', packages: ['exa-js@2.23.0'] },
  // The client asks for no logs, which is the default.
  { vendor: 'fal', packages: ['@fal-ai/client@1.10.1'], additions: { query: ['logs'] } },
  // The client names itself in `origin`.
  { vendor: 'firecrawl', packages: ['firecrawl@4.42.0'], additions: { body: ['origin'] } },
  // The client for workers speaks gRPC; the one of the REST API comes with it.
  { vendor: 'hatchet', packages: ['@hatchet-dev/typescript-sdk@1.33.2'] },
  // The client sends events, and asks for no runs. It says when an event was sent.
  { vendor: 'inngest', packages: ['inngest@4.24.0'], additions: { body: ['ts'], isList: true } },
  // The client says that it does not wait, which is the default.
  { vendor: 'langgraph', packages: ['@langchain/langgraph-sdk@1.15.0'], additions: { query: ['wait'] } },
  { vendor: 'openai-responses', packages: ['openai@7.57.0'] },
  { vendor: 'parallel', packages: ['parallel-web@1.3.3'] },
  { vendor: 'replicate', packages: ['replicate@1.4.0'] },
  {
    vendor: 'skyvern',
    packages: ['skyvern==1.0.56', 'httpx==0.28.1', 'pydantic==2.12.5', 'httpx-sse==0.4.3'],
    isPython: true,
  },
  // The client packs the payload as superjson and says so, and hashes the caller's key. The vendor takes plain JSON as well.
  {
    vendor: 'trigger-dev',
    packages: ['@trigger.dev/sdk@4.8.3'],
    additions: {
      body: ['payloadType', 'payloadSize', 'idempotencyKeyOptions'],
      unlike: ['payload', 'idempotencyKey'],
    },
  },
  { vendor: 'windmill', packages: ['windmill-client@1.818.0'] },
];
