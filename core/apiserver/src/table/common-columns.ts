// How the smaller built-in kinds are shown.

import { isJsonObject } from '@tweendeck/std';
import { type Draft, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { ageColumn, ageSince, columnsOf, nameColumn, type TableColumns } from './table.ts';

const sizeOf = (object: unknown): number => (isJsonObject(object) ? Object.keys(object).length : 0);

export const namespaceColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Status', cell: ({ status }) => textAt(status, 'phase') },
  ageColumn,
]);

export const configMapColumns: TableColumns = columnsOf([
  nameColumn,
  {
    name: 'Data',
    cell: ({ data, binaryData }) => sizeOf(data) + sizeOf(binaryData),
  },
  ageColumn,
]);

export const secretColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Type', cell: (secret) => textAt(secret, 'type') },
  { name: 'Data', cell: ({ data }) => sizeOf(data) },
  ageColumn,
]);

export const serviceAccountColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Secrets', cell: (account) => listAt(account, 'secrets').length },
  ageColumn,
]);

export const leaseColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Holder', cell: ({ spec }) => textAt(spec, 'holderIdentity') },
  ageColumn,
]);

export const controllerRevisionColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Controller', cell: controllerText },
  { name: 'Revision', cell: (object) => numberAt(object, 'revision') ?? 0 },
  ageColumn,
]);

function controllerText({ metadata }: Draft): string {
  const owner = metadata.ownerReferences?.find((each) => each.controller === true);
  if (!owner) return '<none>';
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

const listed = 3;

export const endpointSliceColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'AddressType', cell: (slice) => textAt(slice, 'addressType') },
  { name: 'Ports', cell: slicePorts },
  { name: 'Endpoints', cell: sliceEndpoints },
  ageColumn,
]);

function slicePorts(slice: Draft): string {
  const ports = listAt(slice, 'ports').map((port) => String(port['port'] ?? '*'));
  return shortened(ports) || '<unset>';
}

function sliceEndpoints(slice: Draft): string {
  const addresses = listAt(slice, 'endpoints').flatMap(({ addresses: each }) =>
    Array.isArray(each) ? each.map(String) : [],
  );
  return shortened(addresses) || '<unset>';
}

function shortened(texts: readonly string[]): string {
  const more = texts.length - listed;
  const shown = texts.slice(0, listed).join(',');
  return more > 0 ? `${shown} + ${more} more...` : shown;
}

export const eventColumns: TableColumns = columnsOf([
  { name: 'Last Seen', cell: (event, nowMs) => ageSince(lastSeen(event), nowMs) },
  { name: 'Type', cell: (event) => textAt(event, 'type') },
  { name: 'Reason', cell: (event) => textAt(event, 'reason') },
  { name: 'Object', cell: ({ involvedObject }) => objectText(involvedObject) },
  {
    name: 'Subobject',
    priority: 1,
    cell: ({ involvedObject }) => textAt(involvedObject, 'fieldPath'),
  },
  {
    name: 'Source',
    priority: 1,
    cell: eventSource,
  },
  { name: 'Message', cell: (event) => textAt(event, 'message').trim() },
  {
    name: 'First Seen',
    priority: 1,
    cell: (event, nowMs) => ageSince(event['firstTimestamp'] ?? event['eventTime'], nowMs),
  },
  { name: 'Count', priority: 1, cell: eventCount },
  { ...nameColumn, priority: 1 },
]);

/** Events with an action say it in fields of their own. */
function eventSource(event: Draft): string {
  const { source } = event;
  const component = textAt(source, 'component') || textAt(event, 'reportingComponent');
  const instance = textAt(source, 'host') || textAt(event, 'reportingInstance');
  return instance === '' ? component : `${component}, ${instance}`;
}

function lastSeen(event: Draft): unknown {
  const observed = objectAt(event, 'series')['lastObservedTime'];
  return observed ?? event['lastTimestamp'] ?? event['firstTimestamp'] ?? event['eventTime'];
}

function eventCount(event: Draft): number {
  return numberAt(event['series'], 'count') ?? (numberAt(event, 'count') || 1);
}

function objectText(about: unknown): string {
  return `${textAt(about, 'kind').toLowerCase()}/${textAt(about, 'name')}`;
}

const rolePrefix = 'node-role.kubernetes.io/';

export const nodeColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Status', cell: nodeStatus },
  { name: 'Roles', cell: nodeRoles },
  ageColumn,
  { name: 'Version', cell: (node) => nodeInfo(node, 'kubeletVersion') },
  { name: 'Internal-IP', priority: 1, cell: (node) => nodeAddress(node, 'InternalIP') },
  { name: 'External-IP', priority: 1, cell: (node) => nodeAddress(node, 'ExternalIP') },
  { name: 'OS-Image', priority: 1, cell: (node) => nodeInfo(node, 'osImage') || '<unknown>' },
  {
    name: 'Kernel-Version',
    priority: 1,
    cell: (node) => nodeInfo(node, 'kernelVersion') || '<unknown>',
  },
  {
    name: 'Container-Runtime',
    priority: 1,
    cell: (node) => nodeInfo(node, 'containerRuntimeVersion') || '<unknown>',
  },
]);

function nodeStatus({ spec, status }: Draft): string {
  const ready = listAt(status, 'conditions').find(({ type }) => type === 'Ready');
  const word = !ready ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady';
  const closed = isJsonObject(spec) && spec['unschedulable'] === true;
  return closed ? `${word},SchedulingDisabled` : word;
}

function nodeRoles({ metadata }: Draft): string {
  const roles = Object.keys(metadata.labels ?? {})
    .filter((label) => label.startsWith(rolePrefix))
    .map((label) => label.slice(rolePrefix.length))
    .filter((role) => role !== '');
  return roles.toSorted().join(',') || '<none>';
}

function nodeInfo({ status }: Draft, key: string): string {
  return textAt(objectAt(status, 'nodeInfo'), key);
}

function nodeAddress({ status }: Draft, type: string): string {
  const found = listAt(status, 'addresses').find((each) => each['type'] === type);
  return textAt(found, 'address') || '<none>';
}
