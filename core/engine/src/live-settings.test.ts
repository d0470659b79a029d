// Settings that members take while they run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherSettings, type Settings, settingsToKeep, wantedSettings } from './live-settings.ts';
import type { MemberView } from './member.ts';

const engine = {
  parameters: {
    hue: { type: 'text', applies: 'live', default: 'grey' },
    size: { type: 'integer', applies: 'live', default: '1' },
    depth: { type: 'integer', applies: 'restart', default: '1' },
  },
} as const;

const having = (settings: Settings | undefined) => {
  const view: MemberView<null> = { role: 'peer', synced: true, facts: null };
  return { wanted: true, view: settings === undefined ? view : { ...view, settings } };
};

test('what was chosen is wanted, and of what was set before the server has its own again', () => {
  const config = { size: 3, depth: 2 };
  assert.deepEqual(wantedSettings(engine, { config }, { hue: 'red' }), { hue: 'grey', size: '3' });
});

test('nothing is wanted where nothing was chosen', () => {
  assert.deepEqual(wantedSettings(engine, {}, {}), {});
});

test('a member is told what it has otherwise, and nothing when it does not answer', () => {
  const wanted = { hue: 'red', size: '3' };
  assert.deepEqual(otherSettings(wanted, having({ hue: 'red', size: '1' })), { size: '3' });
  assert.deepEqual(otherSettings(wanted, having(wanted)), {});
  assert.deepEqual(otherSettings(wanted, having(undefined)), {});
});

test('what was set is remembered until every member has it', () => {
  const wanted = { hue: 'grey', size: '3' };
  const spec = { config: { size: 3 } };
  const keep = (...all: readonly (Settings | undefined)[]): Settings =>
    settingsToKeep(wanted, spec, { members: all.map(having), confirmed: {} });
  assert.deepEqual(keep(wanted, { hue: 'red', size: '3' }), wanted);
  assert.deepEqual(keep(wanted, undefined), wanted);
  assert.deepEqual(keep(wanted, wanted), { size: '3' });
});

test('until every member has it and works by it, the value of before is told', () => {
  const wanted = { hue: 'red' };
  const spec = { config: { hue: 'red' } };
  const keep = (...members: readonly Omit<ReturnType<typeof having>, 'role'>[]): Settings =>
    settingsToKeep(wanted, spec, { members, confirmed: { hue: 'grey' } });
  const settling = having(wanted);
  const view = { ...settling.view, settling: ['hue'] };
  assert.deepEqual(keep(having(wanted), having({ hue: 'grey' })), { hue: 'grey' });
  assert.deepEqual(keep(having(wanted), { ...settling, view }), { hue: 'grey' });
  assert.deepEqual(keep(having(wanted), having(wanted)), { hue: 'red' });
});
