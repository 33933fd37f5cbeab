import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** What a name leads to when it is asked for the nth time, from 0; an empty list: no such address. */
type Zone = (name: string, asked: number) => readonly string[];

const typeA = 1;

/** A name server on loopback that answers as a test says; it knows IPv4 addresses only, none of them for long. */
export type NameServer = AsyncDisposable & { readonly address: string; readonly asked: ReadonlyMap<string, number> };

export async function startNameServer(zone: Zone): Promise<NameServer> {
  const asked = new Map<string, number>();
  const socket = createSocket('udp4').on('message', (query, { address, port }) => {
    const { name, type, end } = readQuestion(query);
    const count = asked.get(name) ?? 0;
    if (type === typeA) asked.set(name, count + 1);
    const found = type === typeA ? zone(name, count) : [];
    socket.send(writeAnswer(query.subarray(0, end), found), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** RFC 1035, section 4.1.2: labels with their lengths, then type and class. */
function readQuestion(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function writeAnswer(question: Buffer, addresses: readonly string[]): Buffer {
  const head = Buffer.from(question);
  // An answer, recursion available, no error; one question, so many answers.
  head.writeUInt16BE(0x81_80, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  const records = addresses.map((address) => {
    // A pointer to the question's name, type A, class IN, a life of no seconds, four bytes.
    const record = Buffer.from([0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    for (const [index, part] of address.split('.').entries()) record[12 + index] = Number(part);
    return record;
  });
  return Buffer.concat([head, ...records]);
}
