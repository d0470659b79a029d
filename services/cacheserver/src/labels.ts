// Labels of what belongs to a CacheServer. Pure.

/** Labels of everything that belongs to one CacheServer. */
export function labelsOf(name: string): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': 'cacheserver',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': 'data-plane',
    'app.kubernetes.io/managed-by': 'tweendeck',
  };
}

/** The labels by which Deployment and Service find their pods; they never change. */
export function selectorOf(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'cacheserver', 'app.kubernetes.io/instance': name };
}
