// What users may choose of servers that Sentinels watch: the table of all redis-servers, but for what is otherwise here.

import type { Parameter } from '@tweendeck/engine';
import { ownOfSentinel } from '../own-parameters.ts';
import { redisParameters } from '../settings.ts';

const shared = Object.entries(redisParameters).filter(([name]) => !(name in ownOfSentinel));

export const sentinelParameters: Readonly<Record<string, Parameter>> = {
  ...Object.fromEntries(shared),
  appendonly: {
    ...{ type: 'choice', choices: ['yes', 'no'], applies: 'restart' },
    description: 'Whether writes are logged to disk; yes unless said otherwise.',
  },
  'min-replicas-to-write': {
    ...{ type: 'integer', min: 0, max: 6, applies: 'live' },
    description:
      'A leader with fewer replicas in step takes no writes; 1 with three members and more, else 0.',
  },
};
