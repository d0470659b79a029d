// Full image names: registry, repository and tag, as a container runtime stores them.

import { PlatformError } from '@tweendeck/std';

const domain =
  /^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+)(:\d+)?$/;
const segment = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/;
const tag = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Refuses what is no full name with a tag, such as `registry.example:5000/team/name:1.0`. Throws OCI_NAME_INVALID. */
export function checkImageName(name: string): void {
  const [registry = '', ...rest] = name.split('/');
  const last = rest.pop() ?? '';
  const colon = last.lastIndexOf(':');
  const segments = [...rest, last.slice(0, Math.max(colon, 0))];
  const valid =
    name.length <= 255 &&
    (domain.test(registry) || /^[a-z0-9-]+:\d+$/.test(registry)) &&
    segments.every((part) => segment.test(part)) &&
    tag.test(last.slice(colon + 1));
  if (valid) return;
  throw new PlatformError('OCI_NAME_INVALID', `${JSON.stringify(name)} is no full image name`, {
    hint: 'Write registry, repository and tag: registry.example/team/name:1.0.',
  });
}
