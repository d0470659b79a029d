// Runs a client program against a server, does to the server what the program asks for, and takes down what it saw.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { isJsonObject } from '@tweendeck/std';
import type { ClientProgram } from './programs.ts';
import { type ClientServer, hostOf } from './server.ts';

export interface Command {
  readonly client: ClientProgram;
  /** The program's command and its flags. */
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Played {
  /** What the program saw, line by line. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Its exit code and what it complained of. */
  readonly code: number | null;
  readonly complaint: string;
}

const timeoutMs = 420_000;

/** Plays a command to its end, or until it takes too long. */
export async function play(command: Command, server: ClientServer): Promise<Played> {
  const child = spawn(command.client.program, [...command.client.args, ...command.args], {
    env: { ...process.env, KUBECONFIG: server.kubeconfig, ...command.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  child.stdin.on('error', () => undefined); // a program that ended does not hear answers
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  exited.catch(() => undefined); // awaited below
  const host = hostOf(server.kubeconfig);
  const lines: Readonly<Record<string, unknown>>[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    const line: unknown = JSON.parse(text.replaceAll(host, 'SERVER'));
    if (!isJsonObject(line)) throw new Error(`a client printed ${text}`);
    const { ask } = line;
    if (typeof ask !== 'string') lines.push(line);
    else child.stdin.write(`${await answer(server, ask)}\n`);
  }
  child.stdin.end();
  return { lines, code: await exited, complaint };
}

async function answer(server: ClientServer, ask: string): Promise<string> {
  const deed = server.deeds[ask];
  if (!deed) return `there is no ${ask}`;
  try {
    await deed();
    return 'done';
  } catch (error) {
    return String(error).replaceAll('\n', ' ');
  }
}
