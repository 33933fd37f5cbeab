export type StreamEvent = { readonly id: string; readonly data: string };

/** Reads Server-Sent Events as a browser does, as far as rungate writes them: `id`, `data`, comments. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('id: ')) id = line.slice('id: '.length);
      else if (line.startsWith('data: ')) data.push(line.slice('data: '.length));
      else if (line === '' && data.length > 0) {
        yield { id, data: data.join('\n') };
        data = [];
      }
    }
  }
}
