// What nginx is told: which addresses it listens on, and which replicas stand behind them. Pure.

/** `host:port`; IPv6 in brackets. */
export type HostPort = string;

export interface EntryPlan {
  /** Sorted; the same address is named once. */
  readonly listen: readonly HostPort[];
  /** Addresses that several programs of this machine may share. */
  readonly sharedListen: readonly HostPort[];
  /** Where replicas take connections with a PROXY header. Sorted; at least one. */
  readonly members: readonly HostPort[];
  /** File of the stream module; undefined when it is built in. */
  readonly streamModule: string | undefined;
  readonly connectionsMax: number;
}

/** How long a connection of an earlier configuration may go on, in seconds. */
const shutdownTimeoutSeconds = 3_600;

/**
 * One process of work: with SO_REUSEPORT each further one has a queue of its own, and a queue that goes away at a
 * reload takes the connections in it along. All that wait are let in at once, for the same reason: a stop leaves no
 * queue behind.
 */
export function nginxConfig(plan: EntryPlan): string {
  const { streamModule, members, connectionsMax } = plan;
  const listening = [
    ...plan.listen.map((address) => listenLine(address, '')),
    ...plan.sharedListen
      .filter((address) => !plan.listen.includes(address))
      .map((address) => listenLine(address, ' reuseport')),
  ];
  return `${streamModule === undefined ? '' : `load_module ${streamModule};\n`}worker_processes 1;
worker_rlimit_nofile ${connectionsMax * 2 + 64};
worker_shutdown_timeout ${shutdownTimeoutSeconds}s;
pid nginx.pid;
lock_file nginx.lock;
error_log stderr warn;
events {
  worker_connections ${connectionsMax * 2 + 32};
  multi_accept on;
}
stream {
  upstream replicas {
    hash $remote_addr consistent;
${members.map((member) => `    server ${member} max_fails=1 fail_timeout=2s;`).join('\n')}
  }
  server {
${listening.join('\n')}
    proxy_pass replicas;
    proxy_protocol on;
    proxy_connect_timeout 2s;
    proxy_timeout 24h;
    proxy_half_close on;
    proxy_socket_keepalive on;
    proxy_buffer_size 64k;
  }
}
`;
}

function listenLine(address: HostPort, more: string): string {
  return `    listen ${address}${more} so_keepalive=on backlog=4096;`;
}
