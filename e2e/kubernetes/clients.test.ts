// Programs of the field against a real Kubernetes and the embedded home: client-go, controller-runtime and the Python
// client see the same of both, line by line.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { differences } from '../clients/compare.ts';
import { type Command, play } from '../clients/play.ts';
import { goClients, pythonClients } from '../clients/programs.ts';
import {
  type ClientServer,
  embeddedHome,
  podImage,
  realCluster,
  realControlPlane,
} from '../clients/server.ts';

/** Plays a command against both servers at once; fails with whatever differs. */
async function assertSame(
  command: Command,
  servers: readonly [Promise<ClientServer>, Promise<ClientServer>],
): Promise<void> {
  const [real, embedded] = await Promise.all(
    servers.map(async (server) => play(command, await server)),
  );
  assert.ok(real && embedded);
  assert.deepEqual(differences(real, embedded), []);
  process.stdout.write(`  ${real.lines.length} lines, the same of both\n`);
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

describe('clients of the API', () => {
  const opened = new AsyncDisposableStack();
  const kept = async (opening: Promise<ClientServer>): Promise<ClientServer> =>
    opened.use(await opening);
  const plane = once(() => kept(realControlPlane()));
  const nodes = once(() => kept(realCluster()));
  const home = once(() => kept(embeddedHome()));
  after(() => opened.disposeAsync());

  for (const { name, args, environment } of [
    { name: 'client-go: informers that list', args: ['-namespace=listing', 'informer'] },
    {
      name: 'client-go: informers that stream their lists',
      args: ['-namespace=streaming', 'informer'],
      environment: { KUBE_FEATURE_WatchListClient: 'true' },
    },
    { name: 'client-go: leader election', args: ['election'] },
    { name: 'client-go: the dynamic client', args: ['dynamic'] },
    { name: 'client-go: built-in kinds, tokens and rights', args: ['builtin'] },
    { name: 'controller-runtime: a manager with webhooks', args: ['controller'] },
  ]) {
    test(name, () =>
      assertSame({ client: goClients(), args, ...(environment && { environment }) }, [
        plane(),
        home(),
      ]),
    );
  }

  test('client-go: pods, their logs and commands, eviction', async () => {
    const environment = { CLIENTS_IMAGE: await podImage() };
    await assertSame({ client: goClients(), args: ['pods'], environment }, [nodes(), home()]);
  });

  test('Python: objects, watches, the dynamic client, leader election', () =>
    assertSame({ client: pythonClients(), args: ['api', '--namespace=python'] }, [
      plane(),
      home(),
    ]));

  test('Python: pods, their logs and commands', async () => {
    const environment = { CLIENTS_IMAGE: await podImage() };
    await assertSame(
      { client: pythonClients(), args: ['pods', '--namespace=python-pods'], environment },
      [nodes(), home()],
    );
  });
});
