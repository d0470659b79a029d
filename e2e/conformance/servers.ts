// The two servers of a run, each with a node that is Ready and runs nothing.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '@tweendeck/std';
import { controlPlane } from '../kubernetes/lab/index.ts';
import { startIdleNode } from './idle-node.ts';

/** One test waits until a list's next page is too old: minutes in place of ten. */
const compactionSeconds = 60;

export type ServerName = 'upstream' | 'embedded';

export interface Server extends AsyncDisposable {
  readonly kubeconfig: string;
}

/** Starts one and waits until tests can begin. `directory` is where the embedded one keeps its state and its log. */
export async function startServer(name: ServerName, directory: string): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const kubeconfig =
    name === 'upstream'
      ? opened.use(await controlPlane({ scheduler: false, compactionSeconds })).kubeconfig
      : await startSubject(join(directory, 'embedded-home'), opened);
  opened.use(await startIdleNode(kubeconfig));
  const parts = opened.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** Returns its kubeconfig. */
async function startSubject(directory: string, opened: AsyncDisposableStack): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const log = openSync(join(directory, 'log.txt'), 'w');
  const child = fork(
    join(import.meta.dirname, 'subject-child.ts'),
    [directory, String(compactionSeconds)],
    {
      stdio: ['ignore', log, log, 'ipc'],
    },
  );
  const exited = once(child, 'exit');
  opened.defer(async () => {
    if (child.connected) child.disconnect();
    await exited;
  });
  const ended = exited.then((): never => {
    throw new Error(`the embedded server ended before it served: see ${directory}/log.txt`);
  });
  ended.catch(() => undefined); // later it may end as it likes
  const [message]: unknown[] = await Promise.race([once(child, 'message'), ended]);
  if (!isJsonObject(message) || typeof message['kubeconfig'] !== 'string') {
    throw new Error(`the embedded server said ${JSON.stringify(message)}`);
  }
  return message['kubeconfig'];
}
