// There are no mount namespaces here: a container's mount paths are mapped to real directories by rewriting the texts
// that its pod gives it (command, arguments, environment). This file holds the rule, and nothing else.

/** Mount path inside the container to the real path on this machine; both absolute. */
export type MountMap = Readonly<Record<string, string>>;

/** A path starts a text or follows one of these ... */
const before = new Set(' \t\n=:,;|&<>()[]{}"\'`@');
/** ... and ends there, at a slash, or before one of these. */
const after = new Set(' \t\n=:,;|&<>()[]{}"\'`?');
const fileScheme = 'file://';

/**
 * Replaces every mount path in `text` that stands as a path of its own, or as the beginning of one, by the real path.
 * `/data` is found in `/data`, `/data/x`, `--dir=/data`, `a:/data:b`, `sh -c "cat >/data/x"` and `file:///data`, but
 * not in `/database`, `x/data` or `http://host/data`. The longest mount path wins; what was put in is not read again.
 */
export function rewritePaths(text: string, mounts: MountMap): string {
  const paths = Object.keys(mounts)
    .filter((path) => path.length > 1)
    .sort((left, right) => right.length - left.length);
  if (paths.length === 0 || !text.includes('/')) return text;
  let rewritten = '';
  for (let at = 0; at < text.length; ) {
    const path = text[at] === '/' && startsPath(text, at) ? pathAt(text, at, paths) : undefined;
    if (path === undefined) {
      rewritten += text[at];
      at++;
    } else {
      rewritten += mounts[path] ?? path;
      at += path.length;
    }
  }
  return rewritten;
}

function startsPath(text: string, at: number): boolean {
  const previous = text[at - 1];
  return previous === undefined || before.has(previous) || text.endsWith(fileScheme, at);
}

function pathAt(text: string, at: number, paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    if (!text.startsWith(path, at)) return false;
    const next = text[at + path.length];
    return next === undefined || next === '/' || after.has(next);
  });
}

/** A mount path as it is looked for: no slash at the end, none doubled. */
export function normalMountPath(path: string): string {
  const collapsed = path.replace(/\/+/g, '/');
  return collapsed.length > 1 && collapsed.endsWith('/') ? collapsed.slice(0, -1) : collapsed;
}
