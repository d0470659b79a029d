// The signature of a report: who has the key knows who wrote it and when. Pure.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** `t=SECONDS,v1=HEX`: HMAC-SHA-256 by the key over the seconds, a dot, and the body's bytes. */
export const signatureHeader = 'tweendeck-signature';

/** The header's value. `nowMs` is wall time. */
export function signatureOf(body: string, key: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  return `t=${seconds},v1=${digestOf(body, key, seconds)}`;
}

/** Whether the body is what the owner of the key signed, not longer ago than `ageMaxMs`. For whoever receives reports. */
export function isSignedBy(
  { body, signature }: { readonly body: string; readonly signature: string },
  key: string,
  { nowMs, ageMaxMs }: { readonly nowMs: number; readonly ageMaxMs: number },
): boolean {
  const [, text = '', hex = ''] = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (text === '' || Math.abs(nowMs - Number(text) * 1_000) > ageMaxMs) return false;
  const wanted = Buffer.from(digestOf(body, key, Number(text)), 'hex');
  return timingSafeEqual(Buffer.from(hex, 'hex'), wanted);
}

function digestOf(body: string, key: string, seconds: number): string {
  return createHmac('sha256', key).update(`${seconds}.`).update(body).digest('hex');
}
