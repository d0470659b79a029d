// Starts the two servers of a comparison: the reference in a lab, the subject in a process of its own.

import { controlPlane } from '../kubernetes/lab/index.ts';
import { startSubject } from '../support/subject.ts';
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
  const own = opened.use(await startSubject({ directory, controllers: acts, scheduler: acts }));
  const reference = opened.use(new Endpoint(lab.kubeconfig));
  const subject = opened.use(new Endpoint(own.kubeconfig));
  const stack = opened.move();
  return { reference, subject, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
