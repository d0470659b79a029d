// `tweendeck agent`: one more node of an embedded home, in a process of its own, until Ctrl-C.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openAgentFront, startAgent } from '@tweendeck/agent';
import { createClient, httpsTransport, parseKubeconfig } from '@tweendeck/client';
import { aborted, createLogger, onAbort, PlatformError } from '@tweendeck/std';
import type { Ambient } from '../ambient.ts';
import { type Invocation, type OptionValues, usage } from '../command-line.ts';
import { readKubeconfig } from '../connection.ts';
import { programCatalogue } from '../home/catalogue.ts';
import { homeDirectory } from '../home/home-directory.ts';
import { nodeKubeconfig } from '../home/node-credentials.ts';
import { nodePath, openNodeIdentity } from '../home/node-directory.ts';
import { podEnvironment } from '../home/pod-environment.ts';
import { limitStop } from '../home/stop-limit.ts';

interface Credentials {
  readonly nodeName: string;
  readonly directory: string;
  readonly server: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export async function run({ world, options }: Invocation): Promise<number> {
  const json = options.flag('json');
  const log = createLogger({
    clock: world.clock,
    format: json ? 'json' : 'text',
    level:
      options.choice('log-level', ['debug', 'info', 'warn', 'error'] as const) ??
      (json ? 'info' : 'warn'),
    write: world.writeError,
  });
  world.goOnUnread(); // ending without a stop would leave pods behind
  using _limit = onAbort(world.signal, () => limitStop(world));
  const credentials = await credentialsOf(world, options);
  const { nodeName, directory, server, authority, certificate, key } = credentials;
  const { clock, random, environment, version, signal } = world;
  const identity = await openNodeIdentity(directory, random);
  await using opened = new AsyncDisposableStack();
  const { hostIP } = identity;
  const connection = { server, ca: authority, clientCertificate: certificate, clientKey: key };
  const transport = opened.use(httpsTransport(connection));
  const userAgent = `tweendeck-agent/${version}`;
  const front = opened.use(
    await openAgentFront({ host: hostIP, port: 0, authority, certificate, key, log }, signal),
  );
  const agent = opened.use(
    await startAgent(
      {
        client: createClient({ transport, clock, random, log, userAgent }),
        clock,
        random,
        log: log.with({ part: 'agent' }),
        nodeName,
        directory: join(directory, 'agent'),
        ...identity,
        port: front.port,
        labels: labelsOf(options),
        ...leaseOf(options),
        catalogue: programCatalogue(world),
        environment: podEnvironment(environment, server),
      },
      signal,
    ),
  );
  front.serve(agent, (namespace, name) => agent.pod(namespace, name));
  const stopped = aborted(signal);
  await Promise.race([agent.ready, stopped]);
  if (signal.aborted) return 0;
  const address = `https://${hostIP}:${front.port}`;
  world.write(
    json
      ? JSON.stringify({ message: 'ready', node: nodeName, address, podRange: identity.podRange })
      : `Node ${nodeName} at ${address}, pods in ${identity.podRange}. Ctrl-C stops it.`,
  );
  await stopped;
  return 0;
}

async function credentialsOf(world: Ambient, options: OptionValues): Promise<Credentials> {
  const { clock, random, signal } = world;
  const home = homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory);
  const given = options.text('kubeconfig');
  const name = options.text('name');
  if (given === undefined && name === undefined) {
    throw usage('say what the node is called with --name, or who it is with --kubeconfig');
  }
  const text =
    given === undefined
      ? await nodeKubeconfig(home, { nodeName: name ?? '', clock, random }, signal)
      : await readKubeconfig(given);
  const { server, ca, clientCertificate, clientKey } = parseKubeconfig(text, {
    readFile: (path) => readFileSync(resolve(given ?? home.path, '..', path), 'utf8'),
  });
  if (!ca || !clientCertificate || !clientKey) {
    throw usage('--kubeconfig takes what "tweendeck node kubeconfig" printed');
  }
  const nodeName = nodeNameOf(clientCertificate);
  if (name !== undefined && name !== nodeName) {
    throw usage(`the kubeconfig is that of node "${nodeName}", not of "${name}"`);
  }
  return {
    nodeName,
    directory: resolve(options.text('agent-dir') ?? nodePath(home, nodeName)),
    server,
    authority: ca,
    certificate: clientCertificate,
    key: clientKey,
  };
}

/** Its certificate says who it is. */
function nodeNameOf(certificate: string): string {
  const { subject } = new X509Certificate(certificate);
  const [, nodeName] = /^CN=system:node:(\S+)$/m.exec(subject) ?? [];
  if (nodeName !== undefined) return nodeName;
  throw new PlatformError('CLI_USAGE', 'the kubeconfig holds no certificate of a node', {
    hint: 'Make one with "tweendeck node kubeconfig NAME".',
  });
}

function labelsOf(options: OptionValues): Readonly<Record<string, string>> {
  const zone = options.text('zone');
  const pairs = options.texts('label').map((text) => {
    const [key = '', ...value] = text.split('=');
    if (key === '' || value.length === 0) throw usage(`--label takes KEY=VALUE, not "${text}"`);
    return [key, value.join('=')] as const;
  });
  return {
    ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
    ...Object.fromEntries(pairs),
  };
}

function leaseOf(options: OptionValues): { readonly leaseSeconds?: number } {
  const leaseSeconds = options.integer('lease-seconds', { min: 1, max: 3_600 });
  return leaseSeconds === undefined ? {} : { leaseSeconds };
}
