// The network of a cluster on this machine: a bridge that nodes are plugged into, and routes that lead through them.

import { readFile } from 'node:fs/promises';
import type { Claim } from './claim.ts';
import { runFor } from './commands.ts';

const bridgeFilter = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/** Addresses of one lab; all lie in `10.NUMBER.0.0/16`, which is the lab's alone. */
export interface AddressPlan {
  readonly bridge: string;
  /** This machine's address on the bridge; the API server's. */
  readonly gateway: string;
  readonly podRange: string;
  readonly serviceRange: string;
  node(index: number): {
    readonly address: string;
    readonly podRange: string;
    readonly link: string;
    readonly hardwareAddress: string;
  };
}

/** The lab's addresses follow from its number. */
export function addressPlan({ number, network }: Claim): AddressPlan {
  const bridge = `tdlab${number}`;
  const hexadecimal = (value: number): string => value.toString(16).padStart(2, '0');
  return {
    bridge,
    gateway: `${network}.0.1`,
    podRange: `${network}.64.0/18`,
    serviceRange: `${network}.128.0/17`,
    node: (index) => ({
      address: `${network}.0.${11 + index}`,
      podRange: `${network}.${64 + index}.0/24`,
      link: `${bridge}n${index + 1}`,
      // The same after the node was switched on again, so nobody looks for it elsewhere.
      hardwareAddress: `02:77:64:${hexadecimal(number)}:00:${hexadecimal(index + 1)}`,
    }),
  };
}

/**
 * Loads what the kernel keeps in modules, and refuses a machine whose packet filter would cut nodes off from one another:
 * the lab writes no rules of its own outside its nodes.
 */
export async function prepareKernel(claim: Claim): Promise<void> {
  // A kernel without modules has it all, or tells in the log of a node what it lacks.
  const modules = ['br_netfilter', 'overlay', 'veth'];
  await runFor(claim, 'modprobe', ['--all', '--quiet', ...modules]).catch(() => '');
  const filtersBridges = await readFile(bridgeFilter, 'utf8').catch(() => '0');
  const rules = await runFor(claim, 'iptables', ['--list-rules', 'FORWARD']).catch(() => '');
  if (filtersBridges.trim() === '1' && /^-P FORWARD DROP$/m.test(rules)) {
    throw new Error(
      'the packet filter of this machine drops what it forwards, also on bridges, so that nodes cannot reach one ' +
        'another (Docker sets it so). Let bridges pass: sysctl net.bridge.bridge-nf-call-iptables=0',
    );
  }
}

/** Makes the bridge. It is removed by the journal, and the routes through it with it. */
export async function makeBridge(claim: Claim, { bridge, gateway }: AddressPlan): Promise<void> {
  claim.journal.add({ kind: 'link', name: bridge });
  await runFor(claim, 'ip', ['link', 'add', bridge, 'type', 'bridge']);
  await runFor(claim, 'ip', ['address', 'add', `${gateway}/24`, 'dev', bridge]);
  await runFor(claim, 'ip', ['link', 'set', bridge, 'up']);
}

/** Leads a range of addresses through a node, from now on. */
export async function routeVia(
  claim: Claim,
  { bridge }: AddressPlan,
  { range, address }: { readonly range: string; readonly address: string },
): Promise<void> {
  await runFor(claim, 'ip', ['route', 'replace', range, 'via', address, 'dev', bridge]);
}
