// Where a service of the home is served: at the endpoints behind it, since nothing forwards its cluster address for the server.

import { goQuote } from '@tweendeck/kube';
import type { ClusterState } from '../cluster-state.ts';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { storagePrefix } from '../storage-key.ts';
import type { ResolveService } from './webhook-client.ts';

/** Takes the ready endpoints of a service in turn. */
export function serviceResolver(state: ClusterState): ResolveService {
  const services = state.resource(storagePrefix({ group: '', plural: 'services' }));
  const slices = state.resource(
    storagePrefix({ group: 'discovery.k8s.io', plural: 'endpointslices' }),
  );
  let turn = 0;
  return (namespace, name, port) => {
    const service = services.get(`${namespace}/${name}`)?.peek();
    if (!service) throw new Error(`service ${goQuote(name)} not found`);
    const wanted = listAt(service['spec'], 'ports').find((each) => each['port'] === port);
    if (!wanted) throw new Error(`no service port ${port} found for service ${goQuote(name)}`);
    const places = [...slices.range(`${namespace}/`)]
      .filter((slice) => slice.labels['kubernetes.io/service-name'] === name)
      .flatMap((slice) => placesOf(slice.peek(), textAt(wanted, 'name')));
    const place = places[turn++ % Math.max(1, places.length)];
    if (!place) throw new Error(`no endpoints available for service ${goQuote(name)}`);
    return place;
  };
}

function placesOf(slice: Fields, portName: string) {
  const ports = listAt(slice, 'ports').filter((each) => textAt(each, 'name') === portName);
  const ready = listAt(slice, 'endpoints').filter(
    (each) => objectAt(each, 'conditions')['ready'] !== false,
  );
  return ready.flatMap((endpoint) => {
    const { addresses } = endpoint;
    const hosts = Array.isArray(addresses) ? addresses.map(String) : [];
    return hosts.flatMap((host) =>
      ports.flatMap((each) => {
        const port = numberAt(each, 'port');
        return port === undefined ? [] : [{ host, port }];
      }),
    );
  });
}
