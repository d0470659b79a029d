// Where objects lie in the store: `/registry/<group>/<plural>/<namespace>/<name>`.

export const storageRoot: string = '/registry/';

/** The key prefix of a resource; all its versions share it. */
export function storagePrefix(resource: {
  readonly group: string;
  readonly plural: string;
}): string {
  return `${storageRoot}${resource.group === '' ? 'core' : resource.group}/${resource.plural}/`;
}

/** A key's resource prefix, and the rest: `namespace/name` or the name. */
export function splitKey(key: string): readonly [prefix: string, rest: string] {
  const end = key.indexOf('/', key.indexOf('/', storageRoot.length) + 1) + 1;
  return [key.slice(0, end), key.slice(end)];
}
