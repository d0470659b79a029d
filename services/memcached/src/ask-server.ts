// Asks a memcached server for its figures, by the text protocol (doc/protocol.txt of memcached).

import { connect } from 'node:net';

/** Gives what `stats` says, by name. Throws when the server cannot be reached or says something else. */
export type AskServer = (
  server: { readonly host: string; readonly port: number },
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, string>>;

/** Some 80 figures of 40 bytes are usual. */
const answerBytesMax = 65_536;

export const askServer: AskServer = async (server, signal) => {
  const socket = connect({ ...server, signal });
  try {
    socket.setEncoding('latin1');
    socket.write('stats\r\n');
    let text = '';
    for await (const part of socket) {
      text += String(part);
      if (text.endsWith('END\r\n')) return parseStats(text);
      if (text.length > answerBytesMax) break;
    }
    throw new Error(`it answered ${JSON.stringify(text.slice(0, 100))}`);
  } finally {
    socket.destroy();
  }
};

/** Lines of `STAT name value`, and `END`. Throws on any other. */
export function parseStats(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\r\n').slice(0, -2);
  return new Map(
    lines.map((line) => {
      const [, name, value] = /^STAT (\S+) (.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined) throw new Error(`it answered ${line}`);
      return [name, value] as const;
    }),
  );
}
