// What a redis-server says of itself: `INFO` and `CLUSTER INFO` (redis.io/commands/info). Pure.

/** Fields of `INFO` and `CLUSTER INFO`: lines of `name:value`. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );
}
