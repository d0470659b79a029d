// Which settings a user may choose of a redis-server, by asking the server of this machine itself: it says of every setting
// whether it can be set while it runs, and of what kind and range its values are, when it is given nonsense.
//
// `npm run generate:redis` writes the table; with `-- --check` it fails when the server would give another one.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const target = join(
  import.meta.dirname,
  '../../services/redis/src/generated/redis-parameters-7.0.json',
);

/** Where, as whom and with whom it runs is the platform's; what two names mean is one setting. */
const notForUsers =
  /slave|ziplist|^(acl|aof-load|append|always|bind|bio_|cluster|config|crash|daemonize|dbfilename|dir$|disable-thp|enable|ignore-warnings|jemalloc|logfile|lua-time-limit|master|maxmemory$|oom|pidfile|port$|proc-title|protected|propagation|rdb-del|replica-announce|replicaof|replica-priority|replica-read-only|requirepass|server_cpulist|set-proc|shutdown|socket-mark|supervised|syslog|tls|unixsocket)/;
/** Those of the above that are of use all the same. */
const forUsers = new Set(['acllog-max-len', 'appendfsync', 'appendonly']);
/** The server says them in another way than it is told: whether they hold cannot be seen. */
const unseen = new Set(['client-output-buffer-limit']);
/** It takes more, and uses these. */
const used: Readonly<Record<string, object>> = { hz: { min: 1, max: 500 } };

/** As engines declare them. */
type Parameter = Readonly<Record<string, unknown>>;

interface Server extends AsyncDisposable {
  ask(...command: readonly string[]): string;
}

async function startServer(): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'redis-parameters-'));
  const socket = join(directory, 'socket');
  const settings = ['--port', '0', '--unixsocket', socket, '--dir', directory];
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('ready to accept connections')) break;
  }
  child.stdout.resume();
  return {
    ask: (...command) =>
      execFileSync('redis-cli', ['-s', socket, ...command], { encoding: 'utf8' }).trimEnd(),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function parameterOf(server: Server, name: string, value: string): Parameter | undefined {
  const said = server.ask('CONFIG', 'SET', name, 'no such value');
  const common = { applies: 'live', default: value } as const;
  if (said.includes("can't set")) return undefined;
  if (said.includes("'yes' or 'no'")) return { ...common, type: 'choice', choices: ['yes', 'no'] };
  const [, choices] = /one of the following: (.*)$/.exec(said) ?? [];
  if (choices) return { ...common, type: 'choice', choices: choices.split(', ') };
  if (/parsed into an integer/.test(said)) {
    return { ...common, type: 'integer', ...rangeOf(server, name, value), ...used[name] };
  }
  if (said.includes('memory value') || said.includes('memory or percent')) {
    return { ...common, type: 'bytes' };
  }
  server.ask('CONFIG', 'SET', name, value);
  return { ...common, type: 'text', pattern: String.raw`^[^\r\n"']*$` };
}

function rangeOf(server: Server, name: string, value: string): { min?: number; max?: number } {
  const ends = ['-9223372036854775808', '9223372036854775807'].map((extreme) =>
    server.ask('CONFIG', 'SET', name, extreme),
  );
  server.ask('CONFIG', 'SET', name, value);
  const range = ends.map((said) => /between (-?\d+) and (-?\d+)/.exec(said)).find(Boolean);
  const [min, max] = [Number(range?.[1]), Number(range?.[2])];
  return {
    ...(Number.isSafeInteger(min) ? { min } : {}),
    ...(Number.isSafeInteger(max) ? { max } : {}),
  };
}

async function readParameters(): Promise<Readonly<Record<string, Parameter>>> {
  await using server = await startServer();
  const lines = server.ask('CONFIG', 'GET', '*').split('\n');
  const names = lines.filter((_, index) => index % 2 === 0).sort();
  return Object.fromEntries(
    names.flatMap((name) => {
      if ((notForUsers.test(name) && !forUsers.has(name)) || unseen.has(name)) return [];
      const value = lines[lines.indexOf(name) + 1] ?? '';
      const parameter = parameterOf(server, name, value);
      return parameter ? [[name, parameter] as const] : [];
    }),
  );
}

const text = `${JSON.stringify(await readParameters(), null, 1)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (readFileSync(target, 'utf8') !== text) {
  process.stderr.write('redis-parameters: the server of this machine has other settings\n');
  process.exitCode = 1;
}
