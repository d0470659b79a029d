// Backups of all there is, over the API: for whoever may do everything.

import { ApiError, type ApiRequest, type ApiResponse } from '@tweendeck/kube';
import { isPlatformError, messageOf } from '@tweendeck/std';
import { noSuchPath } from './failures.ts';
import { streamResponse } from './response.ts';

export const backupPath = '/tweendeck/backup';

export interface BackupWish {
  /** Whether keys are in it: without them nobody can read the secrets in it, its owner neither. */
  readonly withKeys: boolean;
}

export interface BackupStream {
  readonly byteLength: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Makes a backup, which is whole before its first byte is given. Reading it to the end, leaving it, or aborting the signal frees what is behind it. */
export type BackupSource = (wish: BackupWish, signal: AbortSignal) => Promise<BackupStream>;

/** @throws ApiError. */
export async function answerBackup(
  source: BackupSource | undefined,
  http: ApiRequest,
  signal: AbortSignal,
): Promise<ApiResponse> {
  if (!source || http.method !== 'GET') throw noSuchPath();
  const query = new URLSearchParams(http.path.split('?', 2)[1]);
  try {
    const { bytes, byteLength } = await source({ withKeys: query.get('keys') !== 'false' }, signal);
    return streamResponse('application/x-tar', bytes, { 'content-length': String(byteLength) });
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    throw new ApiError(507, 'InsufficientStorage', messageOf(error));
  }
}
