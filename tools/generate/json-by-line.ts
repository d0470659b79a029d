// JSON that reads well in a diff: one entry of the outermost object a line.

/** An object of these entries in their order, each on a line of its own. */
export function jsonByLine(entries: readonly (readonly [string, unknown])[]): string {
  const lines = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}
