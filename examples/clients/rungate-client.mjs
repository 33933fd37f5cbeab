import { createHmac, timingSafeEqual } from 'node:crypto';

/** A client of ACP 0.1 in plain `fetch`. */
export class RungateClient {
  #url;
  #headers;

  /** @param {string} url Such as `http://127.0.0.1:8080`. @param {string} [key] Made by `rungate key`, or a token. */
  constructor(url, key) {
    this.#url = url;
    this.#headers = {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    };
  }

  /**
   * Creates a run. `key` makes a repeated attempt safe: the gateway answers with the run of the first one.
   *
   * @param {{ agent_id?: string, input?: unknown, webhook?: string, metadata?: object }} run
   */
  async create(run, key = crypto.randomUUID()) {
    const headers = { 'idempotency-key': key };
    return await this.#call('POST', '/runs', { body: run, headers });
  }

  /** Waits until the run ends or interrupts: `{ type, run_id, status, … }`. */
  async wait(runId, { blockSeconds = 30 } = {}) {
    for (;;) {
      const output = await this.#call('GET', `/runs/${runId}/output?block_timeout=${blockSeconds}`);
      if (output !== null && output.status !== 'pending') return output;
    }
  }

  /** Sends an interrupted run the payload that it asks for. */
  async resume(runId, payload) {
    return await this.#call('POST', `/runs/${runId}`, { body: payload });
  }

  /** Every event of the run, once and in order, over as many connections as it takes. */
  async *stream(runId, { retryMs = 1000 } = {}) {
    let lastId = '0';
    for (;;) {
      try {
        const headers = { ...this.#headers, 'last-event-id': lastId };
        const response = await fetch(`${this.#url}/runs/${runId}/stream`, { headers });
        if (!response.ok) throw new RungateError(response.status, await response.text());
        for await (const { id, data } of parseEvents(response.body)) {
          lastId = id;
          yield { id: Number(id), ...data };
          if (['success', 'error', 'timeout'].includes(data.status)) return;
        }
      } catch (error) {
        if (error instanceof RungateError && error.status < 500) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  async #call(method, path, { body, headers } = {}) {
    const response = await fetch(this.#url + path, {
      method,
      headers: { ...this.#headers, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new RungateError(response.status, text);
    return text === '' ? null : JSON.parse(text);
  }
}

export class RungateError extends Error {
  constructor(status, text) {
    super(`${status} ${text}`);
    this.status = status;
  }
}

/** Server-sent events of a body. Lines that begin with a colon are heartbeats. */
async function* parseEvents(body) {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const records = (text + chunk).split('\n\n');
    text = records.pop() ?? '';
    for (const record of records) {
      const lines = record.split('\n').filter((line) => !line.startsWith(':'));
      const fields = Object.fromEntries(lines.map((line) => [line.split(':', 1)[0], line.replace(/^[^:]*: ?/, '')]));
      if (fields.data !== undefined) yield { id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}

/**
 * Whether a webhook is genuine: signed with the secret, and not older than five minutes. `body` is the text as it came.
 *
 * @param {Record<string, string>} headers Lower-case, as Node has them.
 */
export function verifyWebhook(secret, headers, body, { nowMs = Date.now(), toleranceSeconds = 300 } = {}) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = headers;
  if (!(Math.abs(nowMs / 1000 - Number(timestamp)) <= toleranceSeconds)) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest();
  return signatures.split(' ').some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
