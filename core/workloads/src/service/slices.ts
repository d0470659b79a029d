// Which EndpointSlices to write so that they hold a service's endpoints, in as few writes as can be.

import {
  controllerReference,
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  type Input,
  type Service,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { type AddressType, type EndpointGroup, groupKey } from './endpoints.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';

/** Endpoints in one slice. */
export const endpointsMax = 100;

export interface SlicesPlan {
  readonly create: readonly Input<EndpointSlice>[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** `existing`: the slices of this service that this controller manages. Endpoints stay in the slice they are in. */
export function planSlices(
  service: Service,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
): SlicesPlan {
  const plan = { create: [] as Input<EndpointSlice>[], update: [] as EndpointSlice[] };
  const kept = new Set<EndpointSlice>();
  for (const group of withPlaceholder(service, groups)) {
    const key = groupKey(group);
    const slices = existing.filter((slice) => groupKey(slice) === key && !kept.has(slice));
    for (const slot of packed(group, slices)) {
      if (!slot.slice) plan.create.push(newSlice(service, group, slot.endpoints));
      else {
        kept.add(slot.slice);
        const next = { ...slot.slice, endpoints: slot.endpoints };
        const metadata = { ...next.metadata, labels: labelsOf(service) };
        const same =
          jsonEqual(slot.slice.endpoints ?? [], slot.endpoints) &&
          jsonEqual(slot.slice.metadata.labels, metadata.labels);
        if (!same) plan.update.push({ ...next, metadata });
      }
    }
  }
  return { ...plan, remove: existing.filter((slice) => !kept.has(slice)) };
}

/** A service without endpoints keeps one empty slice, so that who watches sees that it is known and empty. */
function withPlaceholder(
  service: Service,
  groups: readonly EndpointGroup[],
): readonly EndpointGroup[] {
  if (groups.length > 0) return groups;
  const family = service.spec.ipFamilies?.find((each) => each !== '');
  return [{ addressType: family === 'IPv6' ? 'IPv6' : 'IPv4', ports: [], endpoints: [] }];
}

interface Slot {
  readonly slice: EndpointSlice | undefined;
  readonly endpoints: Endpoint[];
}

function packed(group: EndpointGroup, slices: readonly EndpointSlice[]): readonly Slot[] {
  const wanted = new Map(group.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const slots: Slot[] = slices.map((slice) => ({
    slice,
    endpoints: (slice.endpoints ?? []).flatMap((endpoint) => {
      const next = wanted.get(identity(endpoint));
      wanted.delete(identity(endpoint));
      return next ? [next] : [];
    }),
  }));
  const homeless = [...wanted.values()];
  // First where a write is due anyway, then wherever there is room, then into new slices.
  const dirtyFirst = slots.toSorted(
    (left, right) => Number(isDirty(right)) - Number(isDirty(left)),
  );
  for (const { endpoints } of dirtyFirst) {
    endpoints.push(...homeless.splice(0, Math.max(0, endpointsMax - endpoints.length)));
  }
  while (homeless.length > 0) {
    slots.push({ slice: undefined, endpoints: homeless.splice(0, endpointsMax) });
  }
  const full = slots.filter(({ endpoints }) => endpoints.length > 0);
  if (full.length > 0) return full;
  return [slots[0] ?? { slice: undefined, endpoints: [] }];
}

function isDirty({ slice, endpoints }: Slot): boolean {
  return !jsonEqual(slice?.endpoints ?? [], endpoints);
}

function identity({ targetRef, addresses }: Endpoint): string {
  return targetRef?.uid ?? addresses.join(',');
}

function newSlice(
  service: Service,
  {
    addressType,
    ports,
  }: { readonly addressType: AddressType; readonly ports: readonly EndpointPort[] },
  endpoints: readonly Endpoint[],
): Input<EndpointSlice> {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      ...(namespace ? { namespace } : {}),
      labels: labelsOf(service),
      ownerReferences: [controllerReference(service)],
    },
    addressType,
    ports,
    endpoints,
  };
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const headless = service.spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {};
  return {
    ...service.metadata.labels,
    ...headless,
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
  };
}
