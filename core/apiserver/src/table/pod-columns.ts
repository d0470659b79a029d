// How `kubectl get pods` shows a pod: ready containers, one word of status, restarts.

import { isJsonObject } from '@tweendeck/std';
import { type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import {
  ageColumn,
  ageSince,
  type Column,
  columnsOf,
  nameColumn,
  type TableColumns,
} from './table.ts';

const columns: readonly Column[] = [
  nameColumn,
  { name: 'Ready', cell: (pod) => readyText(pod) },
  { name: 'Status', cell: (pod) => statusWord(pod) },
  { name: 'Restarts', cell: restartsText },
  ageColumn,
  { name: 'IP', priority: 1, cell: ({ status }) => textAt(status, 'podIP') || '<none>' },
  { name: 'Node', priority: 1, cell: ({ spec }) => textAt(spec, 'nodeName') || '<none>' },
  {
    name: 'Nominated Node',
    priority: 1,
    cell: ({ status }) => textAt(status, 'nominatedNodeName') || '<none>',
  },
  { name: 'Readiness Gates', priority: 1, cell: gatesText },
];

export const podColumns: TableColumns = { ...columnsOf(columns), conditions: rowConditions };

/** Initial containers that keep running beside the others count as containers. */
function isSidecar(container: Fields): boolean {
  return container['restartPolicy'] === 'Always';
}

function readyText({ spec, status }: Draft): string {
  const sidecars = listAt(spec, 'initContainers').filter(isSidecar);
  const names = new Set(sidecars.map((each) => textAt(each, 'name')));
  const total = listAt(spec, 'containers').length + sidecars.length;
  const running = [
    ...listAt(status, 'containerStatuses'),
    ...listAt(status, 'initContainerStatuses').filter((each) => names.has(textAt(each, 'name'))),
  ];
  const ready = running.filter(
    (each) => each['ready'] === true && isJsonObject(objectAt(each, 'state')['running']),
  );
  return `${ready.length}/${total}`;
}

/** The word of the STATUS column. */
export function statusWord(pod: Draft): string {
  const { spec, status, metadata } = pod;
  const phase = textAt(status, 'phase');
  const isGated = listAt(status, 'conditions').some(
    (each) => each['type'] === 'PodScheduled' && each['reason'] === 'SchedulingGated',
  );
  const reason = isGated ? 'SchedulingGated' : textAt(status, 'reason') || phase;
  const initial = initialWord(spec, status);
  let word = initial ?? reason;
  if (initial === undefined || hasCondition(status, 'Initialized')) {
    word = containersWord(status) ?? word;
    if (word === 'Completed' && hasRunning(status)) {
      word = hasCondition(status, 'Ready') ? 'Running' : 'NotReady';
    }
  }
  if (metadata.deletionTimestamp === undefined) return word || 'Unknown';
  if (textAt(status, 'reason') === 'NodeLost') return 'Unknown';
  return phase === 'Succeeded' || phase === 'Failed' ? word : 'Terminating';
}

function initialWord(spec: unknown, status: unknown): string | undefined {
  const containers = listAt(spec, 'initContainers');
  for (const [position, each] of listAt(status, 'initContainerStatuses').entries()) {
    const state = objectAt(each, 'state');
    const container = containers.find(({ name }) => name === each['name']);
    if (isJsonObject(state['terminated']) && numberAt(state['terminated'], 'exitCode') === 0)
      continue;
    if (container && isSidecar(container) && each['started'] === true) continue;
    if (isJsonObject(state['terminated'])) return `Init:${endWord(state['terminated'])}`;
    const waiting = textAt(state['waiting'], 'reason');
    if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${position}/${containers.length}`;
  }
  return undefined;
}

function endWord(terminated: unknown): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal') ?? 0;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`;
}

/** The first container's trouble wins, so the list is read from its end. */
function containersWord(status: unknown): string | undefined {
  let word: string | undefined;
  for (const each of listAt(status, 'containerStatuses').toReversed()) {
    const state = objectAt(each, 'state');
    const waiting = textAt(state['waiting'], 'reason');
    if (waiting !== '') word = waiting;
    else if (isJsonObject(state['terminated'])) word = endWord(state['terminated']);
  }
  return word;
}

function hasRunning(status: unknown): boolean {
  return listAt(status, 'containerStatuses').some(
    (each) => each['ready'] === true && isJsonObject(objectAt(each, 'state')['running']),
  );
}

function hasCondition(status: unknown, type: string): boolean {
  return listAt(status, 'conditions').some(
    (each) => each['type'] === type && each['status'] === 'True',
  );
}

function restartsText({ status }: Draft, nowMs: number): string {
  const statuses = listAt(status, 'containerStatuses');
  const count = statuses.reduce((sum, each) => sum + (numberAt(each, 'restartCount') ?? 0), 0);
  const ends = statuses
    .map((each) => textAt(objectAt(objectAt(each, 'lastState'), 'terminated'), 'finishedAt'))
    .filter((text) => text !== '')
    .toSorted();
  const last = ends.at(-1);
  return count > 0 && last !== undefined ? `${count} (${ageSince(last, nowMs)} ago)` : `${count}`;
}

function gatesText({ spec, status }: Draft): string {
  const gates = listAt(spec, 'readinessGates');
  if (gates.length === 0) return '<none>';
  const open = gates.filter((gate) => hasCondition(status, textAt(gate, 'conditionType')));
  return `${open.length}/${gates.length}`;
}

function rowConditions({ status }: Draft): ReturnType<NonNullable<TableColumns['conditions']>> {
  switch (textAt(status, 'phase')) {
    case 'Succeeded':
      return [
        {
          type: 'Completed',
          status: 'True',
          reason: 'Succeeded',
          message: 'The pod has completed successfully.',
        },
      ];
    case 'Failed':
      return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
    default:
      return undefined;
  }
}
