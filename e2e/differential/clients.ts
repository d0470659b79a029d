// Runs the commands of a conversation with one generation of the real clients, in a folder of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import {
  helmProgram,
  type KubectlVersion,
  kubectlProgram,
  type Outcome,
} from '../support/kubectl.ts';
import { type Command, type Conversation, wordsOf } from './conversation.ts';

const tweendeck = join(
  import.meta.dirname,
  '..',
  '..',
  'apps',
  'tweendeck',
  'bin',
  'tweendeck.cjs',
);
/** How long what runs in the background must be silent before it has said all, in milliseconds. */
const quietMs = 400;
const commandMs = 60_000;
/** What prints nothing at first has begun by then. */
const startMs = 2_000;

export interface ClientOptions {
  readonly version: KubectlVersion;
  readonly conversation: Conversation;
  /** Of the server the commands speak to, without a namespace. */
  readonly kubeconfig: string;
  /** Holds the folders of conversations, and what clients cache. */
  readonly directory: string;
}

/** Commands are short: a quarter of their time would go into collecting garbage while a program in Go begins. */
const withoutCollecting = { GOGC: 'off', GOMEMLIMIT: '512MiB' };

const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs));

/** The clients of one conversation with one server. */
export class Clients {
  readonly #options: ClientOptions;
  readonly #folder: string;

  /** Writes the folder. */
  constructor(options: ClientOptions) {
    this.#options = options;
    const { conversation, directory } = options;
    this.#folder = join(directory, conversation.name);
    for (const [name, text] of Object.entries(conversation.files ?? {})) {
      const path = join(this.#folder, name);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text.replace(/^\n/, ''));
    }
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(this.#kubeconfig, inNamespace(options.kubeconfig, conversation.name), {
      mode: 0o600,
    });
  }

  get #kubeconfig(): string {
    return join(this.#folder, '.kubeconfig');
  }

  async run(command: Command): Promise<Outcome> {
    const child = this.#start(command.run);
    const ending = setTimeout(() => child.process.kill('SIGKILL'), commandMs);
    child.process.stdin?.on('error', () => undefined); // a program may end without having read its input
    child.process.stdin?.end(command.input ?? '');
    if (command.during) await this.#during(command.during, child);
    const outcome = await child.outcome;
    clearTimeout(ending);
    return outcome;
  }

  async #during(lines: readonly string[], child: Running): Promise<void> {
    const endsMs = performance.now() + startMs;
    const isSilent = (): boolean => child.lengthOfOutput() === 0 && child.process.exitCode === null;
    while (isSilent() && performance.now() < endsMs) await pause(25);
    await pause(quietMs); // between its list and its watch
    for (const line of lines) await this.run({ run: line });
    let length = -1;
    while (length !== child.lengthOfOutput()) {
      length = child.lengthOfOutput();
      await pause(quietMs);
    }
    child.process.kill('SIGINT');
  }

  #start(line: string): Running {
    const [name = '', ...args] = wordsOf(line);
    const { directory, version } = this.#options;
    const [program, ...first] = programOf(name, version);
    const below = (folder: string): string => join(directory, 'clients', folder);
    const process = spawn(program, [...first, ...args], {
      cwd: this.#folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...globalThis.process.env,
        ...Object.fromEntries(
          ['CACHE', 'CONFIG', 'DATA'].flatMap((what) => [
            [`HELM_${what}_HOME`, below(`helm-${what}`)],
            [`XDG_${what}_HOME`, below(`xdg-${what}`)],
          ]),
        ),
        KUBECONFIG: this.#kubeconfig,
        KUBECACHEDIR: below('kubectl'),
        KUBE_EDITOR: 'sed -i s/before/after/',
        HOME: below('home'),
        TZ: 'UTC',
        ...withoutCollecting,
      },
    });
    return followed(process);
  }
}

interface Running {
  readonly process: ChildProcess;
  readonly outcome: Promise<Outcome>;
  lengthOfOutput(): number;
}

function followed(process: ChildProcess): Running {
  let stdout = '';
  let stderr = '';
  process.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  process.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const outcome = new Promise<Outcome>((resolve, reject) => {
    process.on('error', reject);
    process.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
  return { process, outcome, lengthOfOutput: () => stdout.length + stderr.length };
}

function programOf(name: string, version: KubectlVersion): readonly [string, ...string[]] {
  if (name === 'kubectl') return [kubectlProgram(version)];
  if (name === 'helm') return [helmProgram(version === '1.32' ? 3 : 4)];
  if (name === 'tweendeck') return [process.execPath, tweendeck];
  throw new Error(`no client is called ${name}`);
}

/** The text of a kubeconfig with a namespace in its contexts. */
function inNamespace(path: string, namespace: string): string {
  // A kubeconfig has contexts of this form.
  const config = parse(readFileSync(path, 'utf8')) as { contexts: { context: object }[] };
  const contexts = config.contexts.map((entry) => ({
    ...entry,
    context: { ...entry.context, namespace },
  }));
  return stringify({ ...config, contexts });
}
