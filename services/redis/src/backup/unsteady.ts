// Why servers cannot be read or filled as they are now.

import { PlatformError } from '@tweendeck/std';

export function unsteady(fact: string): PlatformError {
  return new PlatformError('REDIS_BACKUP_UNSTEADY', fact, {
    hint: 'It is tried again; see what the status of the cluster says when it goes on.',
  });
}
