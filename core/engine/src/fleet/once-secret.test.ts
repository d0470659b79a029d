// A Secret of chance is made once, left alone, made again when it is gone, and missed without harm.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReconcileContext } from '@tweendeck/controller';
import { ApiError, type KubeObject, type Secret } from '@tweendeck/kube';
import { OnceSecrets } from './once-secret.ts';

const minute = 60_000;

/** An API that takes Secrets as long as `answer` is none. */
class World {
  readonly made: Secret[] = [];
  asked = 0;
  answer: ApiError | undefined;
  nowMs = 0;
  #chance = 0;

  context(): ReconcileContext<KubeObject> {
    const create = (_: unknown, secret: Secret): Promise<Secret> => {
      this.asked++;
      if (this.answer !== undefined) return Promise.reject(this.answer);
      this.made.push(secret);
      return Promise.resolve(secret);
    };
    // Nothing else of a pass is used: whatever else it did would be a right more.
    return {
      client: { create },
      clock: { monotonicMs: () => this.nowMs },
      random: { bytes: (length: number) => new Uint8Array(length).fill(++this.#chance) },
      signal: new AbortController().signal,
    } as unknown as ReconcileContext<KubeObject>;
  }
}

const secret = { name: 'cache-control', labels: { of: 'cache' }, fields: ['token', 'key'] };
const cache = (uid = 'u') => ({
  owner: {
    ...{ apiVersion: 'tweendeck.io/v1alpha1', kind: 'CacheServer' },
    metadata: { name: 'cache', namespace: 'team', uid },
  } as KubeObject, // the rest is not looked at
  secret,
});

const refused = (code: number, reason: 'Forbidden' | 'AlreadyExists' | 'InternalError') =>
  new ApiError(code, reason, `${reason} it is`);

function textOf(secret: Secret | undefined, field: string): string {
  return Buffer.from(secret?.data?.[field] ?? '', 'base64').toString('utf8');
}

test('it has a token and a key of 32 bytes of chance each, and goes with its owner', async () => {
  const world = new World();
  assert.equal(
    await new OnceSecrets('cacheserver').ensure('k', cache(), world.context()),
    undefined,
  );
  const [made] = world.made;
  assert.equal(made?.metadata.name, 'cache-control');
  assert.equal(made?.metadata.ownerReferences?.[0]?.uid, 'u');
  assert.match(textOf(made, 'token'), /^[0-9a-f]{64}$/);
  assert.notEqual(textOf(made, 'token'), textOf(made, 'key'));
});

test('one that is there stays, and is not asked for in every pass', async () => {
  const [world, secrets] = [new World(), new OnceSecrets('cacheserver')];
  world.answer = refused(409, 'AlreadyExists');
  for (const nowMs of [0, 15_000, 45_000]) {
    world.nowMs = nowMs;
    assert.equal(await secrets.ensure('k', cache(), world.context()), undefined);
  }
  assert.equal(world.asked, 1);
  world.nowMs = minute + 1;
  world.answer = undefined; // somebody deleted it
  await secrets.ensure('k', cache(), world.context());
  assert.equal(world.made.length, 1);
});

test('a namesake that comes later gets one of its own at once', async () => {
  const [world, secrets] = [new World(), new OnceSecrets('cacheserver')];
  await secrets.ensure('k', cache('first'), world.context());
  await secrets.ensure('k', cache('second'), world.context());
  secrets.forget('k');
  await secrets.ensure('k', cache('second'), world.context());
  assert.deepEqual(
    world.made.map(({ metadata }) => metadata.ownerReferences?.[0]?.uid),
    ['first', 'second', 'second'],
  );
});

test('a namespace that takes none is told of, and asked again in the next pass', async () => {
  const [world, secrets] = [new World(), new OnceSecrets('cacheserver')];
  world.answer = refused(403, 'Forbidden');
  assert.equal(await secrets.ensure('k', cache(), world.context()), 'Forbidden it is');
  world.answer = undefined;
  assert.equal(await secrets.ensure('k', cache(), world.context()), undefined);
  assert.equal(world.made.length, 1);
});

test('other failures fail the pass, which is tried again', async () => {
  const world = new World();
  world.answer = refused(500, 'InternalError');
  await assert.rejects(
    new OnceSecrets('cacheserver').ensure('k', cache(), world.context()),
    /InternalError/,
  );
});
