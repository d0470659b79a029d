// A store keeps its promises through fifty deaths.

import { ok } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { killStore } from './store-kill.ts';

test('a store that is killed 50 times loses no acknowledged write, repeats no revision and leaves no gap', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'store-kill-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const report = await killStore({ kills: 50, seed: 7, directory }, context.signal);
  context.diagnostic(JSON.stringify(report));
  ok(report.acknowledged > 10_000, 'the writers were hardly running');
  ok(report.unacknowledged > 0, 'no kill hit a commit on its way');
});
