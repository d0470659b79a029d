// Where a text stops being base64 of URLs with padding, as Go's decoder counts. Algorithm: encoding/base64.

const newline = /[\r\n]/;
const digit = /[A-Za-z0-9_-]/;

/** The position, in bytes, that Go names; undefined for texts that can be decoded. */
export function base64Fault(text: string): number | undefined {
  const bytes = Buffer.from(text).toString('latin1');
  let inQuantum = 0;
  let at = 0;
  for (; at < bytes.length; at++) {
    const char = bytes.charAt(at);
    if (newline.test(char)) continue;
    if (char === '=') return paddingFault(bytes, { at, inQuantum });
    if (!digit.test(char)) return at;
    inQuantum = (inQuantum + 1) % 4;
  }
  return inQuantum === 0 ? undefined : at - inQuantum;
}

/** From the first `=` on. */
function paddingFault(
  bytes: string,
  { at, inQuantum }: { readonly at: number; readonly inQuantum: number },
): number | undefined {
  if (inQuantum < 2) return at;
  let next = afterNewlines(bytes, at + 1);
  if (inQuantum === 2) {
    if (next === bytes.length) return next;
    if (bytes.charAt(next) !== '=') return next - 1;
    next = afterNewlines(bytes, next + 1);
  }
  return next < bytes.length ? next : undefined;
}

function afterNewlines(bytes: string, from: number): number {
  let at = from;
  while (at < bytes.length && newline.test(bytes.charAt(at))) at++;
  return at;
}
