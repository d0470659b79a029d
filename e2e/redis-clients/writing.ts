// What every client program does: it writes without end, remembers what was acknowledged, and reads all of it back at last.
// `python/writing.py` and `go/main.go` do the same in their languages.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A client of the field, as its users have it. */
export interface FieldClient {
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  close(): Promise<unknown>;
}

const lanes = 4;
const pauseMs = 10;
const reportMs = 100;
/** Half of the writes are to keys of their own, half to these, over and over. */
const keysAgain = 500;
/** Fifty seconds: a client that asks for the cluster every ten does so more than once, and not always whoever answers. */
const readTries = 500;

interface Acknowledged {
  readonly number: number;
  readonly atMs: number;
}

/** Prints a JSON line with its counts every 100 ms; when its input ends with the line `finish` it reads all back and prints the outcome. */
export async function writeWithoutEnd(name: string, client: FieldClient): Promise<void> {
  const acknowledged = new Map<string, Acknowledged>();
  const failures = new Map<string, number>();
  const underWay = new Set<string>();
  let [number, writes, failed, finishing] = [0, 0, 0, false];
  const report = setInterval(() => print({ writes, failed }), reportMs);
  const write = async (): Promise<void> => {
    number++;
    const mine = number;
    const key = mine % 2 === 0 ? `${name}:${mine}` : `${name}:again-${mine % (2 * keysAgain)}`;
    if (underWay.has(key)) return;
    underWay.add(key);
    try {
      await client.set(key, String(mine));
      acknowledged.set(key, { number: mine, atMs: Date.now() });
      writes++;
    } catch (error) {
      failed++;
      const words = kindOf(error);
      failures.set(words, (failures.get(words) ?? 0) + 1);
    } finally {
      underWay.delete(key);
    }
  };
  const writing = Array.from({ length: lanes }, async () => {
    while (!finishing) {
      await write();
      await sleep(pauseMs);
    }
  });
  const input = createInterface({ input: process.stdin });
  input.once('line', () => (finishing = true));
  await once(input, 'close');
  if (!finishing) process.exit(1); // nobody is there any more
  await Promise.all(writing);
  clearInterval(report);
  const lost: object[] = [];
  for (const [key, { number: wanted, atMs }] of acknowledged) {
    const found = await readBack(client, key);
    if (!(Number(found ?? 0) >= wanted)) lost.push({ key, wanted, found, atMs });
  }
  print({ writes, failed, read: acknowledged.size, lost, failures: Object.fromEntries(failures) });
  await client.close();
}

async function readBack(client: FieldClient, key: string): Promise<string | null> {
  for (let turn = 1; ; turn++) {
    try {
      return await client.get(key);
    } catch (error) {
      if (turn === readTries) return String(error);
      await sleep(pauseMs * 10);
    }
  }
}

/** Without addresses and slots, so that the same are counted together. */
function kindOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll(/[\d.]+(:\d+)?/g, 'N').slice(0, 120);
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
