import { defaultApiKey } from './sandbox.ts';

type SandboxUrls = { readonly intunedUrl: string; readonly restackUrl: string; readonly vendorsUrl: string };

/** The config that `npm start` serves: agents at eleven vendors, all of them in the sandbox. YAML. */
export function sampleConfig(urls: SandboxUrls): string {
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
  langgraph-sandbox:
    adapter: langgraph
    baseUrl: ${urls.vendorsUrl}/langgraph
    apiKey: ${defaultApiKey}
  openai-sandbox:
    adapter: openai-responses
    baseUrl: ${urls.vendorsUrl}/openai-responses
    apiKey: ${defaultApiKey}
  apify-sandbox:
    adapter: apify
    baseUrl: ${urls.vendorsUrl}/apify
    token: ${defaultApiKey}
  browser-use-sandbox:
    adapter: browser-use
    baseUrl: ${urls.vendorsUrl}/browser-use
    apiKey: ${defaultApiKey}
  a2a-sandbox:
    adapter: a2a
    baseUrl: ${urls.vendorsUrl}/a2a/concierge
    token: ${defaultApiKey}
  replicate-sandbox:
    adapter: replicate
    baseUrl: ${urls.vendorsUrl}/replicate
    token: ${defaultApiKey}
  mcp-sandbox:
    adapter: mcp
    baseUrl: ${urls.vendorsUrl}/mcp
    token: ${defaultApiKey}
  dify-sandbox:
    adapter: dify
    baseUrl: ${urls.vendorsUrl}/dify
    apiKey: ${defaultApiKey}
  agentcore-sandbox:
    adapter: agentcore
    baseUrl: ${urls.vendorsUrl}/agentcore
    region: eu-central-1
    accessKeyId: ${defaultApiKey}
    secretAccessKey: a-secret-of-nothing

agents:
  - name: echo
    version: 1.0.0
    description: Answers with its input.
    backend: intuned-sandbox
    target: { project: samples, api: echo }
    timeoutSeconds: 60
    schemas:
      input: { type: object, examples: [{ hello: world }] }
      output: { type: object }
    chat: { input: "{ 'text': text }" }

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
        examples: [{ url: "https://shop.example/kettles" }]
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
        examples: [{ message: The page did not load., code: ERR_PAGE }]

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
        examples: [{ message: Where is my order? }]
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
        examples: [{ question: Shall I place the order? }]
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
        examples: [{ message: My name is Ada. }]
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
        examples: [{ orderId: A-17 }]
      output:
        type: object
        properties: { orderId: { type: string }, shipped: { type: boolean } }

  - name: research
    version: 1.0.0
    description: Writes a report with its sources.
    backend: langgraph-sandbox
    target: { assistant: researcher }
    timeoutSeconds: 120
    schemas:
      input:
        type: object
        required: [topic]
        properties: { topic: { type: string } }
        examples: [{ topic: the price of tea }]

  - name: write
    version: 1.0.0
    description: Answers a message with a model of OpenAI, in the background.
    backend: openai-sandbox
    target: { model: gpt-5 }
    timeoutSeconds: 120
    schemas:
      input:
        type: object
        required: [message]
        properties: { message: { type: string } }
        examples: [{ message: Describe a kettle in one sentence. }]
    mapping:
      output: "{ 'text': output[type = 'message'].content.text }"

  - name: crawl
    version: 1.0.0
    description: Runs an Actor over a site and returns the items of its dataset.
    backend: apify-sandbox
    target: { actor: samples~web-crawler }
    timeoutSeconds: 300
    schemas:
      input:
        type: object
        required: [url]
        properties: { url: { type: string, format: uri } }
        examples: [{ url: "https://shop.example/teapots" }]

  - name: browse
    version: 1.0.0
    description: Does a task in a browser.
    backend: browser-use-sandbox
    target: { model: browser-use-2.0 }
    timeoutSeconds: 300
    schemas:
      input:
        type: object
        required: [task]
        properties: { task: { type: string } }
        examples: [{ task: Find the cheapest kettle. }]

  - name: concierge
    version: 1.0.0
    description: Answers questions of guests. Speaks A2A.
    backend: a2a-sandbox
    target: {}
    timeoutSeconds: 60
    schemas:
      input:
        type: object
        required: [text]
        properties: { text: { type: string } }
        examples: [{ text: When is breakfast? }]

  - name: draw
    version: 1.0.0
    description: Draws what the prompt says.
    backend: replicate-sandbox
    target: { version: samples/flux-schnell }
    timeoutSeconds: 120
    schemas:
      input:
        type: object
        required: [prompt]
        properties: { prompt: { type: string } }
        examples: [{ prompt: a red kettle }]
    mapping:
      output: "{ 'images': output[] }"

  - name: look-up
    version: 1.0.0
    description: Calls a tool of an MCP server as a task.
    backend: mcp-sandbox
    target: { tool: researcher }
    timeoutSeconds: 120
    schemas:
      input:
        type: object
        required: [topic]
        properties: { topic: { type: string } }
        examples: [{ topic: the price of coffee }]

  - name: sign-off
    version: 1.0.0
    description: A workflow of Dify that waits for a form; resume it with {"action":"approve"}.
    backend: dify-sandbox
    target: { workflowId: ApprovalAgent }
    timeoutSeconds: 3600
    schemas:
      input:
        type: object
        properties: { question: { type: string } }
        examples: [{ question: Shall I send the offer? }]
      interrupts:
        - interrupt_type: form
          interrupt_payload: { type: object }
          resume_payload:
            type: object
            properties: { action: { enum: [approve, reject] }, inputs: { type: object } }

  - name: greet
    version: 1.0.0
    description: Answers a message in the runtime of Amazon Bedrock AgentCore.
    backend: agentcore-sandbox
    target: { agentRuntimeArn: "arn:aws:bedrock-agentcore:eu-central-1:000000000000:runtime/CustomerSupportAgent" }
    timeoutSeconds: 60
    schemas:
      input:
        type: object
        required: [message]
        properties: { message: { type: string } }
        examples: [{ message: Good morning. }]
`;
}
