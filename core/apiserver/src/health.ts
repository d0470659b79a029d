// Health as probes ask for it: /livez, /readyz and /healthz, and each of their checks alone.

import type { ApiResponse } from '@tweendeck/kube';
import type { StoreHealth } from './cluster-state.ts';
import { bytesResponse, textResponse } from './response.ts';

/** Undefined for a path of something else. A full disk makes the server not ready: it lives, and serves what there is. */
export function answerHealth(
  path: string,
  query: URLSearchParams,
  store: StoreHealth,
): ApiResponse | undefined {
  const [, probe, check] = /^\/(healthz|livez|readyz)(?:\/(ping|store))?$/.exec(path) ?? [];
  if (probe === undefined) return undefined;
  const checks = [
    { name: 'ping', passed: true },
    { name: 'store', passed: store === 'well' || (store === 'full' && probe === 'livez') },
  ].filter(({ name }) => check === undefined || name === check);
  const lines = checks.map(({ name, passed }) =>
    passed ? `[+]${name} ok` : `[-]${name} failed: ${reasons[store]}`,
  );
  if (checks.every(({ passed }) => passed)) {
    // A single check is answered as upstream answers it, which leaves browsers to guess.
    if (check !== undefined) return bytesResponse(200, plainText, [Buffer.from('ok')]);
    if (!query.has('verbose')) return textResponse(200, 'ok');
    return textResponse(200, `${lines.join('\n')}\n${probe} check passed\n`);
  }
  const text = Buffer.from(`${lines.join('\n')}\n${probe} check failed\n`);
  return bytesResponse(500, plainText, [text], {
    'x-content-type-options': 'nosniff',
  });
}

const plainText = 'text/plain; charset=utf-8';
const reasons: Readonly<Record<StoreHealth, string>> = {
  well: '',
  full: 'the disk is full, writes are refused',
  failed: 'the disk failed, nothing is written any more',
};
