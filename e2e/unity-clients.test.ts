// Unity's own clients against a CacheServer that the platform runs, over a restart of the platform and over its death.
// The scenarios (scenarios/unity.ts) show the same clients in every home.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unityLoad } from './scenarios/unity.ts';
import { TestHome } from './support/home.ts';

const load = unityLoad({ builds: 2_000, assets: 50 });

test('what a Unity build and an editor stored is there after a restart and after a kill of the platform', async () => {
  await using home = await TestHome.open({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  await load.fill('127.0.0.1', home.cachePort);
  await load.check('127.0.0.1', home.cachePort);

  assert.deepEqual(await home.stop('SIGINT'), { code: 0, signal: null });
  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  await load.check('127.0.0.1', home.cachePort);

  await home.stop('SIGKILL');
  await home.start({ quickstart: 'cacheserver' });
  await home.message('cacheserver ready');
  await load.check('127.0.0.1', home.cachePort);
});
