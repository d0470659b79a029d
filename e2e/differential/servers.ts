// Starts the two servers of a comparison: the reference in a lab, the subject in a process of its own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '@tweendeck/std';
import { controlPlane } from '../kubernetes/lab/index.ts';
import type { Conversation } from './conversation.ts';
import { Endpoint } from './endpoint.ts';

export interface Servers extends AsyncDisposable {
  readonly reference: Endpoint;
  readonly subject: Endpoint;
}

/** `directory` is the subject's. */
export async function startServers(
  set: Conversation['servers'],
  directory: string,
): Promise<Servers> {
  await using opened = new AsyncDisposableStack();
  const acts = set === 'controllers';
  const lab = opened.use(await controlPlane({ controllerManager: acts, scheduler: acts }));
  const subjectKubeconfig = await startSubject({ set, directory }, opened);
  const reference = opened.use(new Endpoint(lab.kubeconfig));
  const subject = opened.use(new Endpoint(subjectKubeconfig));
  const stack = opened.move();
  return { reference, subject, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Returns its kubeconfig. */
async function startSubject(
  { set, directory }: { readonly set: Conversation['servers']; readonly directory: string },
  opened: AsyncDisposableStack,
): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const child = fork(join(import.meta.dirname, 'subject-child.ts'), [directory, set]);
  const exited = once(child, 'exit');
  opened.defer(async () => {
    if (child.connected) child.disconnect();
    await exited;
  });
  const ended = exited.then((): never => {
    throw new Error('the subject ended before it served');
  });
  ended.catch(() => undefined); // later it may end as it likes
  const [message]: unknown[] = await Promise.race([once(child, 'message'), ended]);
  if (!isJsonObject(message) || typeof message['kubeconfig'] !== 'string') {
    throw new Error(`the subject said ${JSON.stringify(message)}`);
  }
  return message['kubeconfig'];
}
