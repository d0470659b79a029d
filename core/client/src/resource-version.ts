// Resource versions of one resource are decimal integers that grow (KEP-5504); this is the only place that compares them.

/** Negative when `left` is older than `right`, 0 when they are the same. Of any length: etcd's revisions are 64 bits wide. */
export function compareResourceVersions(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The newer of two resource versions. */
export function laterResourceVersion(left: string, right: string): string {
  return compareResourceVersions(left, right) >= 0 ? left : right;
}
