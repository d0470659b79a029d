// The thread of a store's database: a disk that takes its time stops this thread, not the program.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

import { SqliteDatabase } from './sqlite-database.ts';
import { faultOf } from './sqlite-faults.ts';
import type { Request, Response, SqliteOptions } from './sqlite-protocol.ts';

if (parentPort === null) throw new Error('this runs as a worker thread only');
run(parentPort, workerData as SqliteOptions); // nothing else starts this thread

function run(port: MessagePort, options: SqliteOptions): void {
  const send = (response: Response): void => port.postMessage(response, transferable(response));
  let database: SqliteDatabase | undefined;
  try {
    database = new SqliteDatabase(options);
    for (const items of database.items()) send({ kind: 'items', ...items });
    send({ kind: 'opened', ...database.opened });
  } catch (error) {
    database?.[Symbol.dispose]();
    send({ kind: 'refused', fault: faultOf(error) });
    return;
  }
  serve(port, database, send);
}

function serve(
  port: MessagePort,
  database: SqliteDatabase,
  send: (response: Response) => void,
): void {
  port.on('message', (request: Request) => {
    if (request.kind === 'backup') {
      void backUp(database, request.path, send);
      return;
    }
    try {
      send(answer(database, request));
    } catch (error) {
      const fault = faultOf(error);
      send({ kind: 'failed', fault, usable: fault.kind === 'full' && database.usable });
    }
    if (request.kind === 'close') port.close();
  });
}

async function backUp(
  database: SqliteDatabase,
  path: string,
  send: (response: Response) => void,
): Promise<void> {
  try {
    const revision = await database.backup(path, (pages) =>
      send({ kind: 'backup-progress', ...pages }),
    );
    send({ kind: 'backed-up', revision });
  } catch (error) {
    send({ kind: 'not-backed-up', fault: faultOf(error) });
  }
}

function answer(database: SqliteDatabase, request: Exclude<Request, { kind: 'backup' }>): Response {
  switch (request.kind) {
    case 'append':
      database.append(request);
      return { kind: 'appended', spare: request.values.bytes };
    case 'read': {
      const page = database.read(request.prefix, request.afterRevision);
      if (page) return { kind: 'page', ...page };
      return { kind: 'compacted-away', compactedRevision: database.opened.compactedRevision };
    }
    case 'compact':
      database.compact(request.revision);
      return { kind: 'compacted' };
    case 'sweep':
      return { kind: 'swept', more: database.sweep() };
    case 'close':
      database[Symbol.dispose]();
      return { kind: 'closed' };
  }
}

/** Buffers that move instead of being copied. */
function transferable(response: Response): ArrayBuffer[] {
  if (response.kind === 'appended') return [response.spare];
  return response.kind === 'items' || response.kind === 'page' ? [response.values.bytes] : [];
}
