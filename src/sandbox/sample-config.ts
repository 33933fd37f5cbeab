import { defaultApiKey } from './sandbox.ts';

/** The config that `npm start` serves: seven agents of both vendors, all of them in the sandbox. YAML. */
export function sampleConfig(urls: { readonly intunedUrl: string; readonly restackUrl: string }): string {
  return `server: { host: 127.0.0.1, port: 8080 }
# The vendors end with the process, so nothing of an old run could be sent twice.
store: { url: "sqlite:./data/rungate.db", staleAfterMinutes: 525600 }
defaultAgent: echo

backends:
  intuned-sandbox:
    adapter: intuned
    baseUrl: ${urls.intunedUrl}
    workspaceId: sandbox
    apiKey: ${defaultApiKey}
  restack-sandbox:
    adapter: restack
    baseUrl: ${urls.restackUrl}

agents:
  - name: echo
    version: 1.0.0
    description: Answers with its input.
    backend: intuned-sandbox
    target: { project: samples, api: echo }
    timeoutSeconds: 60
    schemas:
      input: { type: object }
      output: { type: object }

  - name: scrape
    version: 1.0.0
    description: Reads the prices of one shop page. Takes three seconds, or as many as "seconds" says.
    backend: intuned-sandbox
    target: { project: samples, api: scrape-prices }
    timeoutSeconds: 300
    schemas:
      input:
        type: object
        required: [url]
        properties:
          url: { type: string, format: uri }
          seconds: { type: number, minimum: 0, maximum: 60 }
      output:
        type: object
        required: [items]
        properties:
          items: { type: array, items: { type: object } }
          count: { type: integer }

  - name: fail
    version: 1.0.0
    description: Fails with the message, code and category that it is given.
    backend: intuned-sandbox
    target: { project: samples, api: fail }
    timeoutSeconds: 60
    schemas:
      input:
        type: object
        properties:
          message: { type: string }
          code: { type: string }
          category: { enum: [infrastructure, execution, auth, user, billing] }

  - name: support
    version: 1.0.0
    description: Answers a customer's message.
    backend: restack-sandbox
    target: { agent: CustomerSupportAgent }
    timeoutSeconds: 60
    schemas:
      input:
        type: object
        required: [message]
        properties: { message: { type: string, minLength: 1 } }
      output:
        type: object
        properties: { reply: { type: string } }
    mapping:
      output: "output.{ 'reply': response }"

  - name: approval
    version: 1.0.0
    description: Waits until a human says yes or no; resume it with {"approved":true}.
    backend: restack-sandbox
    target: { agent: ApprovalAgent }
    timeoutSeconds: 3600
    schemas:
      input:
        type: object
        properties: { question: { type: string } }
      output:
        type: object
        properties: { approved: { type: boolean } }
      interrupts:
        - interrupt_type: approval
          interrupt_payload:
            type: object
            properties: { question: { type: string } }
          resume_payload:
            type: object
            required: [approved]
            properties: { approved: { type: boolean }, by: { type: string } }
    mapping:
      interrupt: output.interrupt

  - name: chat
    version: 1.0.0
    description: Talks. One agent at the vendor lives as long as the thread, and remembers all that was said in it.
    backend: restack-sandbox
    target: { agent: ChatAgent, mode: thread }
    timeoutSeconds: 60
    schemas:
      input:
        type: object
        properties: { message: { type: string, minLength: 1 } }
      output:
        type: object
        properties:
          response: { type: string }
          messages: { type: array, items: { type: object } }

  - name: order
    version: 1.0.0
    description: Ships an order.
    backend: restack-sandbox
    target: { workflow: OrderFulfillmentWorkflow }
    timeoutSeconds: 120
    schemas:
      input:
        type: object
        required: [orderId]
        properties: { orderId: { type: string } }
      output:
        type: object
        properties: { orderId: { type: string }, shipped: { type: boolean } }
`;
}
