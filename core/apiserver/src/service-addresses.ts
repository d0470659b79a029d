// Gives services their cluster address and node ports, each to one service only.

import { type FieldPath, fieldInvalid, invalidError, path } from '@tweendeck/kube';
import { PlatformError, type Random } from '@tweendeck/std';
import type { ClusterState } from './cluster-state.ts';
import { type Draft, type Fields, listAt, numberAt, objectAt, objectIn, textAt } from './draft.ts';
import { internal } from './failures.ts';
import { hasHealthPort, hasNodePorts } from './kinds/service.ts';
import type { ServedResource } from './registry.ts';
import { storagePrefix } from './storage-key.ts';
import type { Admission } from './writing.ts';

/** An IPv4 network, as numbers. */
export interface AddressRange {
  readonly text: string;
  readonly first: number;
  readonly count: number;
}

const nodePorts = { first: 30_000, count: 2_768 };
const noService: Draft = { apiVersion: 'v1', kind: 'Service', metadata: {} };

/** Parses `127.96.0.0/16`. @throws PlatformError APISERVER_BAD_SERVICE_RANGE. */
export function parseRange(text: string): AddressRange {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const bytes = (match ?? []).slice(1, 5).map(Number);
  const bits = Number(match?.[5]);
  if (!match || bytes.some((byte) => byte > 255) || bits < 8 || bits > 30) {
    throw new PlatformError('APISERVER_BAD_SERVICE_RANGE', `the service range is ${text}`, {
      hint: 'Write an IPv4 network between /8 and /30, such as 127.96.0.0/16.',
    });
  }
  const count = 2 ** (32 - bits);
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return { text, first: address - (address % count), count };
}

function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

function addressNumber(text: string): number | undefined {
  const bytes = text.split('.').map(Number);
  const sound =
    bytes.length === 4 && bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256);
  return sound ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

/** What is held by services that are not yet in the cache. */
interface Held {
  readonly addresses: Set<string>;
  readonly ports: Set<number>;
}

/** @throws ApiError from its functions: Invalid for an address that is taken or outside, InternalError when none is left. */
export function serviceAdmission(
  state: ClusterState,
  { range, random }: { readonly range: AddressRange; readonly random: Random },
): Admission {
  const cache = state.resource(storagePrefix({ group: '', plural: 'services' }));
  const held: Held = { addresses: new Set(), ports: new Set() };
  const taken = (except: string): Held => {
    const all: Held = { addresses: new Set(held.addresses), ports: new Set(held.ports) };
    for (const service of cache.range('')) {
      const { metadata, spec } = service.peek();
      if (metadata.uid === except) continue;
      all.addresses.add(textAt(spec, 'clusterIP'));
      for (const port of listAt(spec, 'ports')) all.ports.add(numberAt(port, 'nodePort') ?? 0);
      all.ports.add(numberAt(spec, 'healthCheckNodePort') ?? 0);
    }
    return all;
  };
  const admit = (resource: ServedResource, draft: Draft, previous: Draft): Disposable => {
    const nothing = { [Symbol.dispose]: () => undefined };
    if (resource.kind !== 'Service' || resource.group !== '') return nothing;
    const spec = objectIn(draft, 'spec');
    if (!asksForMore(spec, objectAt(previous, 'spec'))) return nothing;
    const others = taken(previous.metadata.uid ?? '');
    const own: Held = { addresses: new Set(), ports: new Set() };
    giveAddress(draft, { range, random, taken: others, own });
    givePorts(draft, { random, taken: others, own });
    giveHealthPort(draft, { random, taken: others, own });
    for (const address of own.addresses) held.addresses.add(address);
    for (const port of own.ports) held.ports.add(port);
    return {
      [Symbol.dispose]: () => {
        for (const address of own.addresses) held.addresses.delete(address);
        for (const port of own.ports) held.ports.delete(port);
      },
    };
  };
  return {
    admitPlace: () => undefined,
    admitCreate: (resource, draft) => admit(resource, draft, noService),
    admitUpdate: admit,
  };
}

function asksForMore(spec: Fields, previous: Fields): boolean {
  const known = new Set(listAt(previous, 'ports').map((port) => port['nodePort']));
  const portsMissing =
    hasNodePorts(spec) &&
    listAt(spec, 'ports').some((port) => !port['nodePort'] || !known.has(port['nodePort']));
  const addressMissing =
    textAt(spec, 'type') !== 'ExternalName' &&
    (!spec['clusterIP'] || spec['clusterIP'] !== previous['clusterIP'] || !spec['clusterIPs']);
  return portsMissing || addressMissing || lacksHealthPort(spec, previous);
}

function lacksHealthPort(spec: Fields, previous: Fields): boolean {
  const port = numberAt(spec, 'healthCheckNodePort') ?? 0;
  return hasHealthPort(spec) && (port === 0 || port !== previous['healthCheckNodePort']);
}

interface Giving {
  readonly random: Random;
  readonly taken: Held;
  readonly own: Held;
}

function giveAddress(draft: Draft, giving: Giving & { readonly range: AddressRange }): void {
  const spec = objectIn(draft, 'spec');
  if (textAt(spec, 'type') === 'ExternalName') return;
  const listed = spec['clusterIPs'];
  const asked = textAt(spec, 'clusterIP') || (Array.isArray(listed) ? String(listed[0] ?? '') : '');
  const address = asked === '' ? freeAddress(giving) : checkedAddress(draft, asked, giving);
  spec['clusterIP'] = address;
  spec['clusterIPs'] = [address];
  if (address !== 'None') giving.own.addresses.add(address);
}

function checkedAddress(
  draft: Draft,
  asked: string,
  { range, taken }: Giving & { readonly range: AddressRange },
): string {
  if (asked === 'None') return asked;
  const number = addressNumber(asked);
  const refuse = (detail: string): never => {
    const at = path('spec').child('clusterIPs');
    throw invalidError({ group: '', kind: 'Service' }, draft.metadata.name ?? '', [
      fieldInvalid(at, [asked], detail),
    ]);
  };
  if (number === undefined) return asked; // told with what else is wrong
  if (number <= range.first || number >= range.first + range.count - 1) {
    return refuse(
      `failed to allocate IP ${asked}: the provided network does not match the current range`,
    );
  }
  if (taken.addresses.has(asked)) {
    return refuse(`failed to allocate IP ${asked}: provided IP is already allocated`);
  }
  return asked;
}

/** From a random place on, so that an address is not reused soon; the first and last of the network stay free. */
function freeAddress({ range, random, taken }: Giving & { readonly range: AddressRange }): string {
  const usable = range.count - 2;
  const start = random.integer(usable);
  for (let step = 0; step < usable; step++) {
    const text = addressText(range.first + 1 + ((start + step) % usable));
    if (!taken.addresses.has(text)) return text;
  }
  throw internal(`failed to allocate a serviceIP: range ${range.text} is full`);
}

function givePorts(draft: Draft, { random, taken, own }: Giving): void {
  const spec = objectIn(draft, 'spec');
  if (!hasNodePorts(spec)) return;
  for (const [position, port] of listAt(spec, 'ports').entries()) {
    const asked = numberAt(port, 'nodePort') ?? 0;
    if (asked === 0) port['nodePort'] = freePort({ random, taken, own });
    else {
      const at = path('spec').child('ports').index(position).child('nodePort');
      refusePort(draft, { at, asked, taken });
    }
    own.ports.add(numberAt(port, 'nodePort') ?? 0);
  }
}

/** Where balancers outside ask whether pods of the service are on a node. */
function giveHealthPort(draft: Draft, { random, taken, own }: Giving): void {
  const spec = objectIn(draft, 'spec');
  if (!hasHealthPort(spec)) return;
  const asked = numberAt(spec, 'healthCheckNodePort') ?? 0;
  const at = path('spec').child('healthCheckNodePort');
  if (asked === 0) spec['healthCheckNodePort'] = freePort({ random, taken, own });
  else refusePort(draft, { at, asked, taken });
  own.ports.add(numberAt(spec, 'healthCheckNodePort') ?? 0);
}

function refusePort(
  draft: Draft,
  { at, asked, taken }: { readonly at: FieldPath; readonly asked: number; readonly taken: Held },
): void {
  const last = nodePorts.first + nodePorts.count - 1;
  const outside = asked < nodePorts.first || asked > last;
  if (!outside && !taken.ports.has(asked)) return;
  const detail = outside
    ? `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${last}`
    : 'provided port is already allocated';
  throw invalidError({ group: '', kind: 'Service' }, draft.metadata.name ?? '', [
    fieldInvalid(at, asked, detail),
  ]);
}

function freePort({ random, taken, own }: Giving): number {
  const start = random.integer(nodePorts.count);
  for (let step = 0; step < nodePorts.count; step++) {
    const port = nodePorts.first + ((start + step) % nodePorts.count);
    if (!taken.ports.has(port) && !own.ports.has(port)) return port;
  }
  throw internal('failed to allocate a nodePort: range is full');
}
