// Our code and upstream's libraries say the same of a few hundred generated cases of each area: those of a fixed seed, and
// those of the day's. Needs Go, to build the program that asks them; more cases with `npm run oracle`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ensureOracle } from '../../tools/oracle/oracle-program.ts';

const root = new URL('../../', import.meta.url).pathname;
const fixedSeed = 5;
/** Days since 1970: with it in hand a failure of that day can be repeated. */
const daySeed = Math.floor(Date.now() / 86_400_000);
const casesOfEach = 300;

test('the oracle can be asked', () => {
  assert.match(ensureOracle(), /oracle-[0-9a-f]+$/);
});

for (const seed of [fixedSeed, daySeed])
  test(`${casesOfEach} cases of each area are equal, seed ${seed}`, async (context) => {
    const area = ['tools/oracle/main.ts', 'all', `--sequences=${casesOfEach}`, `--seed=${seed}`];
    const child = spawn(process.execPath, area, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
    context.diagnostic(said);
    const repeat = `npm run oracle -- all --sequences ${casesOfEach} --seed ${seed}`;
    assert.equal(await closed, 0, `${repeat}\n${said}${complaints}`);
    assert.equal(said.match(/ all equal, /g)?.length, said.match(/ cases, /g)?.length);
    assert.ok(said.includes('ssa '), said);
  });
