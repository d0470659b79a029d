// Everything that knows who somebody is and what he may do.

import type { Clock } from '@tweendeck/std';
import type { ClusterState } from '../cluster-state.ts';
import { Authorizer } from './authorizer.ts';
import { NodeGraph } from './node-graph.ts';
import { RbacIndex } from './rbac-index.ts';
import { newSigningKey, parseSigningKeys, type SigningKeys } from './signing-keys.ts';
import { TokenAuthenticator, type TokenTrust } from './token-authenticator.ts';

export interface Access extends Disposable {
  readonly authorizer: Authorizer;
  readonly tokens: TokenAuthenticator;
  readonly trust: TokenTrust;
}

/** As kubeadm names it; it need not resolve. */
const issuer = 'https://kubernetes.default.svc.cluster.local';

/** Without keys, tokens end with the process. */
export function openAccess(
  state: ClusterState,
  { clock, keys }: { readonly clock: Clock; readonly keys: SigningKeys | undefined },
): Access {
  const parts = new DisposableStack();
  const index = parts.use(new RbacIndex(state));
  const nodes = parts.use(new NodeGraph(state));
  const trust: TokenTrust = {
    keys: keys ?? parseSigningKeys(newSigningKey()),
    issuer,
    audiences: [issuer],
  };
  return {
    authorizer: new Authorizer(index, nodes),
    tokens: new TokenAuthenticator(state, clock, trust),
    trust,
    [Symbol.dispose]: () => parts.dispose(),
  };
}
