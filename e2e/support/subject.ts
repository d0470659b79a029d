// The embedded home's control plane as the subject of a comparison with a real one: a process of its own, so that each
// side has a core and a memory, with the parts that the reference has.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '@tweendeck/std';

export interface SubjectOptions {
  /** For its state, its kubeconfig and its log; made when it is not there. */
  readonly directory: string;
  /** All but the scheduler. */
  readonly controllers?: boolean;
  readonly scheduler?: boolean;
  /** How long what was may be listed and watched from. */
  readonly historySeconds?: number;
}

export interface Subject extends AsyncDisposable {
  readonly kubeconfig: string;
}

/** Starts it and waits until it serves. */
export async function startSubject(options: SubjectOptions): Promise<Subject> {
  mkdirSync(options.directory, { recursive: true });
  const logPath = join(options.directory, 'log.txt');
  const log = openSync(logPath, 'w');
  const child = fork(join(import.meta.dirname, 'subject-child.ts'), [JSON.stringify(options)], {
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };
  const ended = exited.then((): never => {
    throw new Error(`the embedded server ended before it served: see ${logPath}`);
  });
  ended.catch(() => undefined); // later it may end as it likes
  const [message]: unknown[] = await Promise.race([once(child, 'message'), ended]);
  if (!isJsonObject(message) || typeof message['kubeconfig'] !== 'string') {
    await stop();
    throw new Error(`the embedded server said ${JSON.stringify(message)}`);
  }
  return { kubeconfig: message['kubeconfig'], [Symbol.asyncDispose]: stop };
}
