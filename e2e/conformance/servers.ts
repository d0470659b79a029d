// The two servers of a run, each with a node that is Ready and runs nothing.

import { join } from 'node:path';
import { controlPlane } from '../kubernetes/lab/index.ts';
import { startSubject } from '../support/subject.ts';
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
  const subject = { directory: join(directory, 'embedded-home'), controllers: true };
  const { kubeconfig } = opened.use(
    name === 'upstream'
      ? await controlPlane({ scheduler: false, compactionSeconds })
      : await startSubject({ ...subject, historySeconds: compactionSeconds }),
  );
  opened.use(await startIdleNode(kubeconfig));
  const parts = opened.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
