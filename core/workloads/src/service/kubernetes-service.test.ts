import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { endpointSliceResource, type Service, serviceResource } from '@tweendeck/kube';
import { SimClock, settle } from '@tweendeck/sim';
import { seededRandom, silentLogger, TaskGroup } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { kubernetesService } from './kubernetes-service.ts';

const ref = { namespace: 'default', name: 'kubernetes' };
const clusterIP = '127.96.0.1';

test('the service of the API is made at its address, leads to the server, and comes back when it was deleted', async () => {
  const random = seededRandom(3);
  const tools = { clock: new SimClock({ random }), random, log: silentLogger };
  await using store = openMemoryStore();
  const { signal } = new AbortController();
  await using server = await openApiServer({ ...tools, store }, signal);
  const client = createClient({ ...tools, transport: server.transport(systemUser('test')) });
  await using tasks = new TaskGroup();
  const run = (port: number) => {
    const task = kubernetesService({ clusterIP, address: '127.0.0.1', port });
    return tasks.start((ended) =>
      runManager({ ...tools, client, controllers: [], tasks: [task] }, ended),
    );
  };
  const service = async (): Promise<Service | undefined> => {
    for (let turn = 0; turn < 40; turn++) await settle();
    return client.get(serviceResource, ref, signal);
  };
  run(6443);
  const first = await service();
  assert.equal(first?.spec.clusterIP, clusterIP);
  assert.deepEqual(
    first?.spec.ports?.map(({ port, targetPort }) => [port, targetPort]),
    [[443, 6443]],
  );
  const owned = JSON.stringify(first?.metadata.managedFields);
  assert.match(owned, /"f:ipFamilyPolicy"/, 'upstream asks for one family');
  const slice = await client.get(endpointSliceResource, ref, signal);
  assert.deepEqual(slice?.endpoints[0]?.addresses, ['127.0.0.1']);
  assert.equal(slice?.ports?.[0]?.port, 6443);

  await client.delete(serviceResource, ref, {}, signal);
  await tools.clock.advance(10_000);
  const second = await service();
  assert.equal(second?.spec.clusterIP, clusterIP);
  assert.notEqual(second?.metadata.uid, first?.metadata.uid);
});
