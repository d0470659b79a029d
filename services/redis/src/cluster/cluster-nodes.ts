// What a member of a Redis cluster says of all members: `CLUSTER NODES` (redis.io/commands/cluster-nodes). Pure.

import { parseSlotRange, type SlotRange } from './slots.ts';

export interface ClusterNode {
  readonly id: string;
  /** Empty when it is not known. */
  readonly host: string;
  readonly port: number;
  readonly flags: ReadonlySet<string>;
  /** Of a replica. */
  readonly masterId: string | undefined;
  readonly epoch: number;
  readonly slots: readonly SlotRange[];
  /** Only of the member itself: slots that are on their way, and to or from whom. */
  readonly migrating: ReadonlyMap<number, string>;
  readonly importing: ReadonlyMap<number, string>;
}

/** Whether it is found to be away, by the one who says this or by most. */
export function isFailing({ flags }: Pick<ClusterNode, 'flags'>): boolean {
  return flags.has('fail') || flags.has('noaddr') || flags.has('fail?');
}

/** Throws on a line that is none. */
export function parseClusterNodes(text: string): readonly ClusterNode[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(parseNode);
}

function parseNode(line: string): ClusterNode {
  const [id, address, flags, master, , , epoch, , ...slots] = line.split(' ');
  const [, host, port] = /^(.*):(\d+)@\d+/.exec(address ?? '') ?? [];
  if (!id || host === undefined || !flags || epoch === undefined) {
    throw new Error(`no line of CLUSTER NODES: ${line}`);
  }
  const migrating = new Map<number, string>();
  const importing = new Map<number, string>();
  const held: SlotRange[] = [];
  for (const word of slots) {
    const [, slot, way, other = ''] = /^\[(\d+)-([<>])-([0-9a-f]+)\]$/.exec(word) ?? [];
    const range = slot === undefined ? parseSlotRange(word) : undefined;
    if (slot !== undefined) (way === '>' ? migrating : importing).set(Number(slot), other);
    else if (range) held.push(range);
    else throw new Error(`no slots in a line of CLUSTER NODES: ${word}`);
  }
  return {
    ...{ id, host, port: Number(port), flags: new Set(flags.split(',')), epoch: Number(epoch) },
    ...{ masterId: master === '-' ? undefined : master, slots: held, migrating, importing },
  };
}
