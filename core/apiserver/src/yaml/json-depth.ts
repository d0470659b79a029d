// How deep braces and brackets nest.

/** Nothing that comes after a parser follows deeper. */
export const depthMax = 1_000;
export const tooDeep = 'exceeded max depth';

/** Whether braces and brackets nest deeper than anything that comes after can follow. */
export function isDeep(text: string): boolean {
  if (text.length < 2 * depthMax) return false;
  let depth = 0;
  let quoted = false;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (quoted) {
      if (code === 0x5c) position++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > depthMax) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
