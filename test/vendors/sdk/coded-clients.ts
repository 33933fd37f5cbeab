import { agentcore } from '../../../adapters/agentcore/adapter.ts';
import { dify } from '../../../adapters/dify/adapter.ts';
import type { Adapter } from '../../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../../src/contract/domain/json.ts';
import { type SignedRequest, signatureOf } from '../../adapters/aws-signature.ts';
import type { Recorded } from './recording-vendor.ts';

/** A vendor that is spoken by code, and the client that it publishes. */
export type CodedClient = {
  readonly vendor: string;
  readonly packages: readonly string[];
  readonly adapter: Adapter;
  /** Of the base URL. */
  readonly basePath: string;
  readonly settings: JsonObject;
  /** The run that `scripts/VENDOR.mjs` makes by the client. */
  readonly run: { readonly target: JsonObject; readonly input: Json; readonly runId: string };
  /** Whether the client cancels, too. */
  readonly cancels: boolean;
  /** By method and path without its query. */
  readonly answers: Readonly<Record<string, { readonly type: string; readonly body: string }>>;
  /** Headers that must be equal. */
  readonly headers: readonly string[];
  /** Members of bodies that the client adds. */
  readonly addedMembers: readonly string[];
  /** What else must hold of each request, of the client and of the adapter; what is wrong. */
  readonly inspect?: (request: Recorded) => string | null;
};

const arnPath = '/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aeu-central-1%3A123456789012%3Aruntime%2Fsupport-AbCdEf1234';
const signing = {
  secretAccessKey: 'secret-key-of-the-test',
  region: 'eu-central-1',
  service: 'bedrock-agentcore',
} as const;
const { secretAccessKey } = signing;
const ids = '"task_id":"c3800678-a077-43df-a102-53f23ed20b88","workflow_run_id":"fb47b2e6-5e43-4f90-be01-d5c5a088d156"';

export const codedClients: readonly CodedClient[] = [
  {
    vendor: 'agentcore',
    packages: ['@aws-sdk/client-bedrock-agentcore@3.1141.0'],
    adapter: agentcore,
    basePath: '',
    settings: { region: 'eu-central-1', accessKeyId: 'AKIDEXAMPLE', secretAccessKey },
    run: {
      target: {
        agentRuntimeArn: 'arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/support-AbCdEf1234',
        qualifier: 'PROD',
        userId: 'user-7',
      },
      input: { prompt: 'why?' },
      runId: '0199c5a0-0000-7000-8000-000000000001',
    },
    cancels: true,
    answers: {
      [`POST ${arnPath}/invocations`]: { type: 'application/json', body: '{"answer":42}' },
      [`POST ${arnPath}/stopruntimesession`]: { type: 'application/json', body: '{}' },
    },
    headers: [
      'content-type',
      'x-amzn-bedrock-agentcore-runtime-session-id',
      'x-amzn-bedrock-agentcore-runtime-user-id',
    ],
    addedMembers: [],
    inspect: (request: SignedRequest) =>
      request.headers.authorization?.endsWith(`Signature=${signatureOf(request, signing)}`) === true
        ? null
        : 'its signature is not the one that is computed from what arrived',
  },
  {
    vendor: 'dify',
    packages: ['dify-client@2.3.2'],
    adapter: dify,
    basePath: '/v1',
    settings: { apiKey: 'app-test-key' },
    run: { target: { user: 'customer-7' }, input: { query: 'why?' }, runId: '0199c5a0-0000-7000-8000-000000000001' },
    // The client has no call for it.
    cancels: false,
    answers: {
      'POST /v1/workflows/run': {
        type: 'text/event-stream',
        body: `event: ping\n\ndata: {"event":"workflow_started",${ids},"data":{"id":"fb47b2e6-5e43-4f90-be01-d5c5a088d156"}}\n\n`,
      },
    },
    headers: ['authorization', 'content-type'],
    addedMembers: [],
  },
];
