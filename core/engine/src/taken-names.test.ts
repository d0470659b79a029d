// Whose a name is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KubeObject, serviceResource } from '@tweendeck/kube';
import { takenName } from './taken-names.ts';

type Context = Parameters<typeof takenName>[2];

interface Row {
  readonly name: string;
  /** Who controls the Service of the name: kind, name, uid; undefined: nobody. */
  readonly holder?: readonly [kind: string, name: string, uid: string] | undefined;
  /** Whether there is one: of the platform, and so in its cache, or not. */
  readonly there: 'cached' | 'elsewhere' | 'no';
  readonly taken: string | undefined;
}

const rows: readonly Row[] = [
  { name: 'nothing is there', there: 'no', taken: undefined },
  { name: 'it is its own', there: 'cached', holder: ['Toy', 'c', '1'], taken: undefined },
  {
    ...{ name: 'it is of a namesake of before', there: 'cached', holder: ['Toy', 'c', '0'] },
    taken: 'leftover',
  },
  {
    ...{ name: 'it is of another kind with the same name', there: 'cached' },
    ...{ holder: ['Doll', 'c', '2'], taken: 'belongs to Doll c' },
  },
  {
    ...{ name: 'it is of another one of the kind', there: 'cached', holder: ['Toy', 'b', '3'] },
    taken: 'belongs to Toy b',
  },
  { name: 'somebody made it by hand', there: 'elsewhere', taken: 'is not of the platform' },
  {
    ...{ name: 'it is of somebody beside the platform', there: 'elsewhere' },
    ...{ holder: ['Knative', 'k', '4'], taken: 'belongs to Knative k' },
  },
];

for (const { name, holder, there, taken } of rows) {
  test(`a name when ${name}: ${taken ?? 'free'}`, async () => {
    const [kind = '', holderName = '', uid = ''] = holder ?? [];
    const ownerReferences = [{ apiVersion: 'v', kind, name: holderName, uid, controller: true }];
    const child = { metadata: { name: 'c', ...(holder ? { ownerReferences } : {}) } };
    const context = {
      cache: () => ({ get: () => (there === 'cached' ? child : undefined) }),
      client: { get: () => Promise.resolve(there === 'elsewhere' ? child : undefined) },
      signal: new AbortController().signal,
    } as unknown as Context; // what is asked of it here
    const owner = { kind: 'Toy', metadata: { name: 'c', uid: '1' } } as KubeObject;
    const found = await takenName(owner, [{ resource: serviceResource, name: 'c' }], context);
    if (taken === undefined || taken === 'leftover') return assert.equal(found, taken);
    const message = `there is a Service c that ${taken}; it is left alone: delete it, or name this one otherwise`;
    assert.deepEqual(found, { reason: 'NameTaken', message });
  });
}
