// A client of a test's home in the test's own process: cheaper than a kubectl for each look.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Client, createClient, httpsTransport, parseKubeconfig } from '@tweendeck/client';
import { clockOf, randomOf } from '@tweendeck/std';

/** As the kubeconfig says. It outlives the home where that starts again at the same port. */
export async function homeClient(
  kubeconfig: string,
): Promise<{ readonly client: Client; readonly transport: Disposable }> {
  const transport = httpsTransport(
    parseKubeconfig(await readFile(kubeconfig, 'utf8'), {
      readFile: (name) => readFileSync(resolve(kubeconfig, '..', name), 'utf8'),
    }),
  );
  const client = createClient({
    transport,
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    userAgent: 'tests/1',
  });
  return { client, transport };
}
