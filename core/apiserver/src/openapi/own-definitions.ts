// What documents describe beside the kinds: how the server says its version.

import type { JsonSchema } from '@tweendeck/kube';
import { versionName } from './model-names.ts';

const required = [
  ...['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate'],
  ...['goVersion', 'compiler', 'platform'],
];
const optional = [
  ...['emulationMajor', 'emulationMinor', 'minCompatibilityMajor', 'minCompatibilityMinor'],
];

/** By name. */
export const ownDefinitions: Readonly<Record<string, JsonSchema>> = {
  [versionName]: {
    properties: Object.fromEntries([
      ...required.map((name) => [name, { default: '', type: 'string' }]),
      ...optional.map((name) => [name, { type: 'string' }]),
    ]),
    required,
    type: 'object',
  },
};
