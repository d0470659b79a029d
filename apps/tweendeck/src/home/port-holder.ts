// Who holds a TCP port of this machine, as far as /proc tells this user.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { PlatformError, systemErrorCode } from '@tweendeck/std';

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
  readonly environment: readonly string[];
}

/** Binds the address for a moment. False when it is taken; other faults are thrown. */
export function portIsFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (systemErrorCode(error) === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Inodes of sockets that listen on this port, of the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === '0A')
    .map((columns) => columns[9] ?? '');
}

/** The process that listens on this port; undefined when it is another user's or nobody's. */
export async function portHolder(port: number): Promise<PortHolder | undefined> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readOrEmpty));
  const wanted = new Set(
    tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`),
  );
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
