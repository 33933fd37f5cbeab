// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the example shows placeholders
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';

/** What stands in the example without a `#`. Keys that have no default and that every config needs come from here. */
/** One backend or agent of the example. A key that an earlier entry shows is not repeated. */
export type ExampleEntry = {
  /** A comment above the entry. */
  readonly comment?: string;
  readonly value: JsonObject;
  /** Keys that do not go with this entry; another one shows them. Paths from the entry, such as `mapping.resume`. */
  readonly omit?: readonly string[];
  /** Values of commented keys, where the schema has no example that fits here. */
  readonly examples?: Readonly<Record<string, Json>>;
};

export const sampleSections: Readonly<Record<string, Json>> = {
  server: { host: '${RUNGATE_HOST:-127.0.0.1}', port: '${RUNGATE_PORT:-8080}' },
  store: { url: '${RUNGATE_STORE_URL:-sqlite:./data/rungate.db}' },
  defaultAgent: 'price-scraper',
  vendors: [],
};

const awsEndpoint = 'https://bedrock-agentcore.eu-central-1.amazonaws.com';
const tokenEndpoint = {
  tokenUrl: 'https://login.acme.example/oauth2/token',
  clientId: 'rungate',
  clientSecret: '${OAUTH_CLIENT_SECRET:-secret-of-the-client}',
};

/** By the name of the backend. */
export const sampleBackends: Readonly<Record<string, ExampleEntry>> = {
  'intuned-main': {
    value: {
      adapter: 'intuned',
      baseUrl: 'https://app.intuned.io/api/v1/workspace',
      workspaceId: '${INTUNED_WORKSPACE_ID}',
      apiKey: '${INTUNED_API_KEY}',
      requestsPerSecond: 20,
    },
    examples: { credentialsByTenant: { acme: { apiKey: '${ACME_INTUNED_API_KEY}' } } },
  },
  'restack-main': {
    value: {
      adapter: 'restack',
      baseUrl: '${RESTACK_URL:-http://localhost:6233}',
      token: '${RESTACK_API_BEARER_TOKEN:-}',
    },
  },
  'dify-main': {
    value: { adapter: 'dify', baseUrl: 'https://api.dify.ai/v1', apiKey: '${DIFY_API_KEY:-app-key-at-dify}' },
  },
  'agentcore-main': {
    value: {
      adapter: 'agentcore',
      baseUrl: awsEndpoint,
      region: 'eu-central-1',
      accessKeyId: '${AWS_ACCESS_KEY_ID:-AKIAIOSFODNN7EXAMPLE}',
      secretAccessKey: '${AWS_SECRET_ACCESS_KEY:-secret-of-the-access-key}',
    },
    omit: ['bearerToken', 'oauth2'],
  },
  'agentcore-jwt': {
    value: { adapter: 'agentcore', baseUrl: awsEndpoint, bearerToken: '${AGENT_TOKEN:-token-of-the-agent}' },
    omit: ['region', 'accessKeyId', 'secretAccessKey', 'sessionToken', 'oauth2'],
  },
  'agentcore-oauth': {
    value: { adapter: 'agentcore', baseUrl: awsEndpoint, oauth2: tokenEndpoint },
    omit: ['region', 'accessKeyId', 'secretAccessKey', 'sessionToken', 'bearerToken'],
  },
  'mcp-main': {
    value: { adapter: 'mcp', baseUrl: 'https://tools.acme.example/mcp', token: '${MCP_TOKEN:-}' },
    omit: ['oauth2'],
  },
  'mcp-oauth': {
    value: { adapter: 'mcp', baseUrl: 'https://tools.acme.example/mcp', oauth2: tokenEndpoint },
    omit: ['token'],
  },
};

const sessionKeys = ['target.messageEvent', 'target.openingInput', 'target.endEvent'];

export const sampleAgents: readonly ExampleEntry[] = [
  {
    comment: 'An API of Intuned, with every key that all agents share.',
    value: {
      name: 'price-scraper',
      version: '1.0.0',
      description: 'Reads the prices of one shop page.',
      backend: 'intuned-main',
      target: { project: 'shop', api: 'scrape-prices', retry: { maximumAttempts: 2 } },
      timeoutSeconds: 900,
      metadata: { team: 'pricing' },
      schemas: {
        input: { type: 'object', required: ['url'], properties: { url: { type: 'string', format: 'uri' } } },
        output: { type: 'object', properties: { items: { type: 'array' } } },
      },
      mapping: { output: "{ 'items': result.items }" },
    },
    // An API of Intuned takes no payload, so its runs cannot be interrupted.
    omit: ['backends', 'schemas.interrupts', 'mapping.interrupt', 'mapping.resume', 'target.job', 'target.webTask'],
  },
  {
    comment: 'A job of Intuned, whose runs can be cancelled. The parameters stand in the job.',
    value: { name: 'nightly-prices', backend: 'intuned-main', target: { project: 'shop', job: 'nightly-prices' } },
    omit: ['backends', 'target.webTask'],
  },
  {
    comment: 'A web task of Intuned: what is to be done is said in plain words.',
    value: {
      name: 'price-reader',
      backend: 'intuned-main',
      target: { webTask: { task: 'Read the price of every product on the page' } },
    },
    omit: ['backends'],
  },
  {
    comment: 'An agent of Restack that asks a person and goes on with the answer.',
    value: {
      name: 'support',
      backend: 'restack-main',
      target: { agent: 'CustomerSupportAgent' },
      schemas: {
        interrupts: [
          {
            interrupt_type: 'approval',
            interrupt_payload: { type: 'object', properties: { question: { type: 'string' } } },
            resume_payload: { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } },
          },
        ],
      },
      mapping: { output: 'output.response', interrupt: 'output.interrupt' },
    },
    omit: ['backends', 'target.workflow', ...sessionKeys],
  },
  {
    comment: 'An agent of Restack that lives as long as its thread: each later run is a message to it.',
    value: { name: 'chat', backend: 'restack-main', target: { agent: 'ChatAgent', mode: 'thread' } },
    examples: { 'target.endEvent': { eventName: 'end', eventInput: { reason: 'thread deleted' } } },
    omit: ['backends', 'target.workflow'],
  },
  {
    comment: 'A workflow of Restack, which may have several backends. Workflows take no events.',
    value: {
      name: 'fulfil-order',
      backends: [{ name: 'restack-main', weight: 3 }],
      target: { workflow: 'OrderFulfillmentWorkflow' },
    },
  },
  { value: { name: 'dify-agent', backend: 'dify-main', target: { app: 'workflow' } }, omit: ['backends'] },
  {
    value: {
      name: 'agentcore-agent',
      backend: 'agentcore-main',
      target: {
        agentRuntimeArn: 'arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/support-AbCdEf1234',
      },
    },
    omit: ['backends'],
  },
  { value: { name: 'mcp-agent', backend: 'mcp-main', target: { tool: 'research' } }, omit: ['backends'] },
];
