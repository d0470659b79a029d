// What a pod's specification is filled with when a client leaves it out; the same for pods and for templates of pods.

import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, objectAt, objectIn, setDefault, textAt } from '../draft.ts';
import { canonicalAmounts } from './amounts.ts';
import { defaultClaimSpec } from './claim-defaults.ts';

const fileMode = 0o644;

/** Fills in a pod specification. */
export function defaultPodSpec(spec: Fields): void {
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'securityContext', {});
  setDefault(spec, 'schedulerName', 'default-scheduler');
  mirrorServiceAccount(spec);
  dropRestartRules(spec);
  for (const container of containersOf(spec)) defaultContainer(container, spec);
  for (const secret of listAt(spec, 'imagePullSecrets')) {
    if (secret['name'] === '') delete secret['name'];
  }
  for (const volume of listAt(spec, 'volumes')) defaultVolume(volume);
}

/** Fields of a feature that is off: as upstream, they are dropped without a word. */
function dropRestartRules(spec: Fields): void {
  for (const container of containersOf(spec)) delete container['restartPolicyRules'];
  for (const container of listAt(spec, 'containers')) delete container['restartPolicy'];
  for (const container of listAt(spec, 'initContainers')) {
    if (container['restartPolicy'] !== 'Always') delete container['restartPolicy'];
  }
}

/** Ordinary, initial and ephemeral containers. */
function containersOf(spec: Fields): readonly Fields[] {
  return [
    ...listAt(spec, 'initContainers'),
    ...listAt(spec, 'containers'),
    ...listAt(spec, 'ephemeralContainers'),
  ];
}

/** `serviceAccount` is the old name of `serviceAccountName`. */
function mirrorServiceAccount(spec: Fields): void {
  const name = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount');
  if (name === '') return;
  spec['serviceAccountName'] = name;
  spec['serviceAccount'] = name;
}

function defaultContainer(container: Fields, spec: Fields): void {
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  setDefault(container, 'imagePullPolicy', pullPolicyOf(textAt(container, 'image')));
  setDefault(container, 'resources', {});
  canonicalAmounts(objectAt(container['resources'], 'limits'));
  canonicalAmounts(objectAt(container['resources'], 'requests'));
  for (const port of listAt(container, 'ports')) {
    if (!port['protocol']) port['protocol'] = 'TCP';
    if (spec['hostNetwork'] === true) setDefault(port, 'hostPort', port['containerPort']);
  }
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (isJsonObject(container[probe])) defaultProbe(container[probe]);
  }
  const lifecycle = objectAt(container, 'lifecycle');
  defaultHandler(objectAt(lifecycle, 'postStart'));
  defaultHandler(objectAt(lifecycle, 'preStop'));
  for (const variable of listAt(container, 'env')) defaultFieldRef(objectAt(variable, 'valueFrom'));
}

/** `Always` for an image without a tag or with `latest`: such a name may stand for something else tomorrow. */
function pullPolicyOf(image: string): string {
  if (image === '' || image.includes('@')) return 'IfNotPresent';
  const last = image.slice(image.lastIndexOf('/') + 1);
  const tag = last.includes(':') ? last.slice(last.indexOf(':') + 1) : 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Fields): void {
  setDefault(probe, 'timeoutSeconds', 1);
  setDefault(probe, 'periodSeconds', 10);
  setDefault(probe, 'successThreshold', 1);
  setDefault(probe, 'failureThreshold', 3);
  for (const [key, value] of [
    ['timeoutSeconds', 1],
    ['periodSeconds', 10],
    ['successThreshold', 1],
    ['failureThreshold', 3],
  ] as const) {
    if (probe[key] === 0) probe[key] = value;
  }
  defaultHandler(probe);
  if (isJsonObject(probe['grpc'])) setDefault(probe['grpc'], 'service', '');
}

function defaultHandler(handler: Fields): void {
  const request = handler['httpGet'];
  if (!isJsonObject(request)) return;
  if (!request['path']) request['path'] = '/';
  if (!request['scheme']) request['scheme'] = 'HTTP';
}

function defaultFieldRef(source: Fields): void {
  if (isJsonObject(source['fieldRef'])) setDefault(source['fieldRef'], 'apiVersion', 'v1');
  const resource = source['resourceFieldRef'];
  if (!isJsonObject(resource)) return;
  const divisor = { divisor: resource['divisor'] ?? '0' };
  canonicalAmounts(divisor);
  resource['divisor'] = divisor.divisor;
}

function defaultVolume(volume: Fields): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume['emptyDir'] = {};
  for (const kind of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    if (isJsonObject(volume[kind])) setDefault(volume[kind], 'defaultMode', fileMode);
  }
  const template = objectAt(volume, 'ephemeral')['volumeClaimTemplate'];
  if (isJsonObject(template)) {
    objectIn(template, 'metadata');
    defaultClaimSpec(objectIn(template, 'spec'));
  }
  canonicalAmounts(objectAt(volume, 'emptyDir')); // its size limit
  if (isJsonObject(volume['hostPath'])) setDefault(volume['hostPath'], 'type', '');
  for (const item of listAt(volume['downwardAPI'], 'items')) defaultFieldRef(item);
  for (const source of listAt(volume['projected'], 'sources')) {
    if (isJsonObject(source['serviceAccountToken'])) {
      setDefault(source['serviceAccountToken'], 'expirationSeconds', 3_600);
    }
    for (const item of listAt(source['downwardAPI'], 'items')) defaultFieldRef(item);
  }
}

/** Requests a pod does not state are its limits. Pods only: a template keeps what was written. */
export function requestsFromLimits(spec: Fields): void {
  for (const container of containersOf(spec)) {
    const limits = objectAt(container['resources'], 'limits');
    if (Object.keys(limits).length === 0) continue;
    const requests = objectIn(objectIn(container, 'resources'), 'requests');
    for (const [name, amount] of Object.entries(limits)) setDefault(requests, name, amount);
  }
}
