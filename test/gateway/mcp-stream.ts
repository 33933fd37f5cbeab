import type { Rpc } from './mcp-site.ts';

/** The messages on the stream of a call, one by one. */
export function readMessages(answer: Response) {
  const chunks = answer.body?.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  const waiting: Rpc[] = [];
  let text = '';
  return {
    async next(): Promise<Rpc> {
      for (;;) {
        const found = waiting.shift();
        if (found !== undefined) return found;
        const chunk = await chunks?.next();
        if (chunk === undefined || chunk.done === true) throw new Error(`the stream has ended: ${text}`);
        const blocks = (text + chunk.value).split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          const [, data] = /^data: (.*)$/m.exec(block) ?? [];
          if (data !== undefined) waiting.push(JSON.parse(data) as Rpc);
        }
      }
    },
  };
}
