// Why a test that the real server passes does not pass on ours, or why neither can be asked.

export interface Explanation {
  readonly pattern: RegExp;
  readonly reason: string;
  /** Neither server can pass it here: it is not run unless all are. */
  readonly isIdle?: true;
}

const everyGroup =
  'wants every group of upstream, those of API aggregation, CSR and HPA among them: not served';
const kubelet = 'needs a kubelet: it waits for a pod that runs';

/** The first that matches counts. */
export const explanations: readonly Explanation[] = [
  { pattern: /\] AdmissionWebhook /, reason: 'needs a webhook in a pod that runs', isIdle: true },
  {
    pattern: /\] CustomResourceConversionWebhook /,
    reason: 'conversion webhooks are not served, and it needs one in a pod',
    isIdle: true,
  },
  {
    pattern: /\] Aggregator /,
    reason: 'API aggregation is not served, and it needs an API server in a pod',
    isIdle: true,
  },
  {
    pattern: /\] API priority and fairness /,
    reason: 'no FlowSchemas and PriorityLevelConfigurations',
  },
  { pattern: /\] ValidatingAdmissionPolicy /, reason: 'no ValidatingAdmissionPolicies' },
  { pattern: /\] ResourceQuota /, reason: 'no ResourceQuotas' },
  {
    pattern: /\] Garbage collector .* (by rc|the rc|waiting for dependents)\b/,
    reason: 'no ReplicationControllers',
  },
  { pattern: /all pods are removed when a namespace is deleted/, reason: kubelet, isIdle: true },
  { pattern: /\] OrderedNamespaceDeletion /, reason: kubelet, isIdle: true },
  { pattern: /\] AggregatedDiscovery .*(interface|Accept headers) \[/, reason: everyGroup },
  { pattern: /\] Discovery should locate the groupVersion /, reason: everyGroup },
  {
    pattern: /\] CustomResourceFieldSelectors /,
    reason: 'needs a conversion webhook in a pod that runs',
    isIdle: true,
  },
];

export function explanationOf(test: string): Explanation | undefined {
  return explanations.find(({ pattern }) => pattern.test(test));
}
