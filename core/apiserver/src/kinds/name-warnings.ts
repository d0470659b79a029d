// Names of workloads that are allowed, and make trouble all the same.

import { dnsLabelProblems, goList } from '@tweendeck/kube';

/** Names that are no DNS labels are allowed, but make host names that nothing resolves. */
export function nameWarnings(name: string): readonly string[] {
  const problems = dnsLabelProblems(name);
  if (problems.length === 0) return [];
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: ${goList(problems)}`,
  ];
}
