// Who holds a TCP port of this machine, as far as /proc tells this user.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { PlatformError } from '@tweendeck/std';

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
  readonly environment: readonly string[];
}

/** Whether something listens on this IPv4 address and port, or on all addresses. Looks, and does not bind. */
export async function portIsListened(host: string, port: number): Promise<boolean> {
  const own = host
    .split('.')
    .map((part) => Number(part).toString(16).toUpperCase().padStart(2, '0'));
  const addresses = [own.reverse().join(''), '0'.repeat(8), '0'.repeat(32)];
  return (await socketTables()).some((table) =>
    listeners(table, port).some(({ address }) => addresses.includes(address)),
  );
}

interface Listener {
  /** Hexadecimal, in the byte order of /proc. */
  readonly address: string;
  readonly inode: string;
}

/** Sockets that listen on this port, of the text of /proc/net/tcp or tcp6. */
export function listeners(table: string, port: number): readonly Listener[] {
  const suffix = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap((columns) => {
      const [address = '', local] = (columns[1] ?? '').split(':');
      return local === suffix && columns[3] === '0A' ? [{ address, inode: columns[9] ?? '' }] : [];
    });
}

function socketTables(): Promise<readonly string[]> {
  return Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readOrEmpty));
}

/** The process that listens on this port; undefined when it is another user's or nobody's. */
export async function portHolder(port: number): Promise<PortHolder | undefined> {
  const found = (await socketTables()).flatMap((table) => listeners(table, port));
  const wanted = new Set(found.map(({ inode }) => `socket:[${inode}]`));
  if (wanted.size === 0) return undefined;
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []); // gone, or another user's
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (wanted.has(target)) return describeProcess(Number(pid));
    }
  }
  return undefined;
}

/** The error for a taken port, naming its holder where that is known. */
export async function portTaken(host: string, port: number, hint: string): Promise<PlatformError> {
  const holder = await portHolder(port);
  const by = holder ? `by process ${holder.pid} (${holder.command})` : 'by another program';
  return new PlatformError('HOME_PORT_TAKEN', `${host}:${port} is taken ${by}`, { hint });
}

async function describeProcess(pid: number): Promise<PortHolder> {
  const [line, environment] = await Promise.all(
    ['cmdline', 'environ'].map((file) => readOrEmpty(`/proc/${pid}/${file}`)),
  );
  const command = (line ?? '').split('\0').filter(Boolean).join(' ');
  return {
    pid,
    command: command.length > 80 ? `${command.slice(0, 77)}...` : command,
    environment: (environment ?? '').split('\0'),
  };
}

async function readOrEmpty(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => ''); // not there: a process that ended, or no IPv6
}
