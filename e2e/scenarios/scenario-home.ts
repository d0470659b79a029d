// What a home of the platform is to a scenario: an API, command lines, and an operator that can be killed.

import type { CacheServerObject } from '@tweendeck/cacheserver';
import type { Client } from '@tweendeck/client';
import type { Outcome } from '../support/kubectl.ts';

/** Images that a home knows, or knows not. */
interface HomeImages {
  /** Ends at once when it is run as a data plane; undefined where no program really runs. */
  readonly crashing: string | undefined;
  /** The data plane by another name than the usual one. */
  readonly other: string;
  /** A redis-server; undefined where no program really runs. */
  readonly redis: string | undefined;
  /** There is no such image anywhere. */
  readonly missing: string;
}

/** One home, shared by all scenarios: each works in a namespace of its own. Disposing it leaves nothing. */
export interface ScenarioHome extends AsyncDisposable {
  /** Column of the table. */
  readonly name: string;
  /** Speaks as the administrator. Outlives the operator, also where both are one process. */
  readonly client: Client;
  readonly images: HomeImages;
  /** Whether pods are programs that run; otherwise somebody only says that they do. */
  readonly programs: 'real' | 'faked';
  /** Whether a Service of type LoadBalancer is given an address. */
  readonly loadBalancers: boolean;
  /** Addresses that clients on this machine may have; undefined: the one that the system chooses. */
  readonly clientAddresses: readonly (string | undefined)[];
  /** Where pods reach a server of a test; undefined: nowhere. */
  readonly webhookHost: string | undefined;
  /** Whether pods have settings of the kernel of their own, where nodes allow it. */
  readonly kernel: 'of the pod' | 'of the machine';
  /** Whether ResourceQuota and pod security are enforced. */
  readonly admission: boolean;
  /** How long anything may take here, in milliseconds. */
  readonly patienceMs: number;
  /** How often a scenario kills the operator in a row. */
  readonly killsInARow: number;
  /** How many scenarios run at once. */
  readonly concurrency: number;
  kubectl(args: readonly string[], input?: string): Promise<Outcome>;
  tweendeck(args: readonly string[], input?: string): Promise<Outcome>;
  /** Ends the operator with SIGKILL and starts it again; it need not act yet when this returns. */
  killOperator(): Promise<void>;
  /** Where a client on this machine connects. */
  addressOf(cache: CacheServerObject): Promise<{ readonly host: string; readonly port: number }>;
}
