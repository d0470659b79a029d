// The certificates of a cluster whose members speak TLS: an authority of its own in the Secret `NAME-ca`, and what members show in
// `NAME-tls`, made anew before it ends. Read by their names, never listed or watched.

import { X509Certificate } from 'node:crypto';
import type { ReconcileContext } from '@tweendeck/controller';
import {
  controllerReference,
  type KubeObject,
  keyOf,
  type Secret,
  secretResource,
} from '@tweendeck/kube';
import { type Issued, issueAuthority, issueLeaf } from '@tweendeck/wire';
import type { ClusterObject, TlsSpec } from '../cluster-spec.ts';
import type { EngineTables, Tls, Trouble } from '../engine.ts';
import { ownLabels } from '../labels.ts';
import { secretTaken } from '../taken-names.ts';
import { Remembered } from './remembered.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const authorityDays = 3_650;
const leafDays = 365;
const renewBeforeDays = 30;

type Engine = Pick<EngineTables<never>, 'component' | 'groups' | 'clientGroup'>;
type Owner = Pick<ClusterObject<unknown>, 'apiVersion' | 'kind' | 'metadata' | 'spec'>;
type Context = Pick<ReconcileContext<KubeObject>, 'client' | 'clock' | 'random' | 'signal'>;

/** The Secret that members mount: keys `tls.crt`, `tls.key`, `ca.crt`. */
export function tlsSecretName({
  name,
  spec,
}: {
  readonly name: string;
  readonly spec: { readonly tls?: TlsSpec };
}): string {
  return spec.tls?.secretName ?? `${name}-tls`;
}

interface Wanted {
  readonly name: string;
  /** What is there already. */
  readonly old: Secret | undefined;
  readonly data: Readonly<Record<string, string>>;
}

/** Certificates of clusters, remembered for a minute. */
export class TlsSecrets {
  readonly #engine: Engine;
  readonly #known = new Remembered<Tls>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  forget(key: string): void {
    this.#known.forget(key);
  }

  /** What members are to show; made where it is missing or near its end. `fresh`: read anew. */
  async ensure(owner: Owner, fresh: boolean, context: Context): Promise<Tls | Trouble> {
    const known = fresh ? undefined : this.#known.get(owner, context.clock);
    if (known) return known;
    this.#known.forget(keyOf(owner));
    const tls = await this.#read(owner, context);
    if ('fingerprint' in tls) this.#known.set(owner, tls, context.clock);
    return tls;
  }

  async #read(owner: Owner, context: Context): Promise<Tls | Trouble> {
    const { name, namespace = 'default' } = owner.metadata;
    const secretName = tlsSecretName({ name, spec: owner.spec });
    const secret = await readSecret({ name: secretName, namespace }, context);
    if (owner.spec.tls?.secretName !== undefined) return givenTls(owner, secretName, secret);
    const taken = secret && secretTaken(owner, secret);
    if (taken) return taken;
    const pair = pairOf(secret);
    const authority = textOf(secret, 'ca.crt');
    const isLasting = pair !== undefined && endsAtMs(pair) - context.clock.nowMs() > renewMs;
    if (secret && isLasting && authority) return tlsOf(owner, authority, pair.certificate);
    return this.#make(owner, secret, context);
  }

  async #make(owner: Owner, old: Secret | undefined, context: Context): Promise<Tls | Trouble> {
    const { name } = owner.metadata;
    const authority = await this.#authority(owner, context);
    if ('reason' in authority) return authority;
    const leaf = issueLeaf({
      ...validity(context, leafDays),
      ...{ authority, hosts: hostsOf(this.#engine, owner), commonName: serverNameOf(owner) },
      // A member is a client of the others.
      organizations: [this.#engine.component],
      random: context.random,
    });
    const data = {
      ...{ 'tls.crt': base64(leaf.certificate), 'tls.key': base64(leaf.key) },
      'ca.crt': base64(authority.certificate),
    };
    await this.#write(owner, { name: `${name}-tls`, old, data }, context);
    return tlsOf(owner, authority.certificate, leaf.certificate);
  }

  async #authority(owner: Owner, context: Context): Promise<Issued | Trouble> {
    const { name, namespace = 'default' } = owner.metadata;
    const ref = { name: `${name}-ca`, namespace };
    const secret = await readSecret(ref, context);
    const taken = secret && secretTaken(owner, secret);
    if (taken) return taken;
    const kept = pairOf(secret);
    if (kept && endsAtMs(kept) - context.clock.nowMs() > leafDays * dayMs) return kept;
    const made = issueAuthority({
      ...validity(context, authorityDays),
      commonName: `${namespace}/${name}`,
      random: context.random,
    });
    const data = { 'tls.crt': base64(made.certificate), 'tls.key': base64(made.key) };
    await this.#write(owner, { name: ref.name, old: secret, data }, context);
    return made;
  }

  async #write(
    owner: Owner,
    { name, old, data }: Wanted,
    { client, signal }: Context,
  ): Promise<void> {
    const fieldManager = this.#engine.component;
    if (old === undefined) {
      const secret = this.#secretOf(owner, name, data);
      await client.create(secretResource, secret, { fieldManager }, signal);
      return;
    }
    const { namespace = 'default' } = owner.metadata;
    const patch = { type: 'merge', body: { data } } as const;
    await client.patch(secretResource, { name, namespace }, patch, { fieldManager }, signal);
  }

  #secretOf(owner: Owner, name: string, data: Readonly<Record<string, string>>) {
    const { name: cluster, namespace } = owner.metadata;
    return {
      ...({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' } as const),
      metadata: {
        ...{ name, labels: ownLabels(this.#engine, cluster) },
        ...(namespace ? { namespace } : {}),
        ownerReferences: [controllerReference(owner)],
      },
      data,
    };
  }
}

const renewMs = renewBeforeDays * dayMs;

function readSecret(
  ref: { readonly name: string; readonly namespace: string },
  { client, signal }: Context,
): Promise<Secret | undefined> {
  return client.get(secretResource, ref, signal);
}

/** What a user gives is his own: it is neither made nor changed here. */
function givenTls(owner: Owner, name: string, secret: Secret | undefined): Tls | Trouble {
  const [certificate, authority] = [textOf(secret, 'tls.crt'), textOf(secret, 'ca.crt')];
  if (certificate && authority && textOf(secret, 'tls.key')) {
    const tls = attempt(() => tlsOf(owner, authority, certificate));
    if (tls) return tls;
  }
  const message = secret
    ? `the Secret ${name} lacks one of tls.crt, tls.key and ca.crt, or has no certificate in it`
    : `there is no Secret ${name}; make one with tls.crt, tls.key and ca.crt`;
  return { reason: 'CertificateMissing', message };
}

function tlsOf(owner: Owner, authority: string, certificate: string): Tls {
  const { fingerprint256 } = new X509Certificate(certificate);
  return { authority, serverName: serverNameOf(owner), fingerprint: fingerprint256 };
}

/** What every member is called in its certificate. */
export function serverNameOf({
  metadata: { name, namespace = 'default' },
}: Pick<Owner, 'metadata'>): string {
  return `${name}.${namespace}.svc`;
}

function hostsOf({ groups, clientGroup }: Engine, { metadata }: Owner): readonly string[] {
  const { name, namespace = 'default' } = metadata;
  const others = Object.keys(groups).filter((group) => group !== clientGroup);
  const services = [
    name,
    `*.${name}-members`,
    ...['rw', 'ro', ...others].map((x) => `${name}-${x}`),
  ];
  return services.flatMap((service) => [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]);
}

function validity({ clock }: Pick<Context, 'clock'>, days: number) {
  const nowMs = clock.nowMs();
  return { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + days * dayMs };
}

function pairOf(secret: Secret | undefined): Issued | undefined {
  const [certificate, key] = [textOf(secret, 'tls.crt'), textOf(secret, 'tls.key')];
  return certificate && key ? { certificate, key } : undefined;
}

/** Of what cannot be read: at once. */
function endsAtMs({ certificate }: Issued): number {
  return attempt(() => Date.parse(new X509Certificate(certificate).validTo)) ?? 0;
}

function attempt<Result>(make: () => Result): Result | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function textOf(secret: Secret | undefined, key: string): string | undefined {
  const value = secret?.data?.[key];
  return value ? Buffer.from(value, 'base64').toString() : undefined;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
