/** The text of a vendor file to begin with, and of its cases, which it passes. */
export function renderSkeleton(vendor: string): { readonly file: string; readonly cases: string } {
  return {
    file: `# The language: docs/vendors/writing-a-vendor-file.md
vendor: ${vendor}
baseUrl: https://api.${vendor}.example
settings: { token: secret }
auth: { bearer: token }
target: { agent: part }

start:
  method: POST
  path: /agents/{target.agent}/runs
  body: "{ 'input': input }"
  id: body.id

observe:
  path: /runs/{upstream.runId}
  status: body.status

cancel: { method: POST, path: "/runs/{upstream.runId}/cancel" }

mapping:
  status:
    queued: pending
    running: pending
    succeeded: success
    failed: error
    cancelled: error
  output: output
  error: "{ 'code': status, 'description': error.message }"
  errcodes: { default: 9000, failed: 9001, cancelled: 9002 }
`,
    cases: `# What is given, what is sent, what is answered, what comes out. "rungate vendor check ${vendor}.yaml" runs them.
given:
  settings: { token: test-token }
  target: { agent: writer }
cases:
  - name: a run that succeeds gives its output
    given: { input: { topic: rain } }
    steps:
      - do: start
        sent:
          method: POST
          path: /agents/writer/runs
          headers: { authorization: Bearer test-token }
          body: { input: { topic: rain } }
        answered: { status: 201, body: { id: r-1, status: queued } }
        out: { upstream: { runId: r-1 } }
      - do: observe
        sent: { path: /runs/r-1 }
        answered: { body: { id: r-1, status: running } }
        out: { status: pending }
      - do: observe
        answered: { body: { id: r-1, status: succeeded, output: { text: It rains. } } }
        out: { status: success, output: { text: It rains. } }

  - name: a run that fails says why
    given: { upstream: { runId: r-1 } }
    steps:
      - do: observe
        answered: { body: { id: r-1, status: failed, error: { message: no more rain } } }
        out: { status: error, errcode: 9001, description: no more rain }

  - name: an agent that does not exist is refused
    steps:
      - do: start
        answered: { status: 404, body: { error: { message: no such agent } } }
        out: { fault: rejected, message: no such agent }

  - name: a run is cancelled
    given: { upstream: { runId: r-1 } }
    steps:
      - do: cancel
        sent: { method: POST, path: /runs/r-1/cancel }
        answered: { body: { id: r-1, status: cancelled } }
`,
  };
}
