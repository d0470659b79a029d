// The Secret of a cluster's passwords, `NAME-auth`: read by its name, made and changed, never listed or watched.

import { Buffer } from 'node:buffer';
import type { ReconcileContext } from '@tweendeck/controller';
import {
  controllerReference,
  isApiError,
  type KubeObject,
  keyOf,
  type Secret,
  secretResource,
} from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import type { EngineTables, Trouble } from '../engine.ts';
import { ownLabels } from '../labels.ts';
import { secretTaken } from '../taken-names.ts';
import { editedPasswords, type PasswordState } from './passwords.ts';
import { Remembered } from './remembered.ts';

/** With what text the latest change was asked for. */
const changeAnnotation = 'tweendeck.io/password-change';
/** Since when the password is in use; RFC 3339. */
const sinceAnnotation = 'tweendeck.io/password-since';
/** What members take, where somebody else writes `password`. */
const inUseKey = 'in-use';
type Engine = Pick<EngineTables<never>, 'component' | 'passwords'>;
type Context = Pick<ReconcileContext<KubeObject>, 'client' | 'clock' | 'signal'>;

export function passwordSecretName(cluster: string): string {
  return `${cluster}-auth`;
}

/** Passwords of clusters, remembered for a minute. */
export class PasswordSecrets {
  readonly #engine: Engine;
  readonly #known = new Remembered<PasswordState>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  forget(key: string): void {
    this.#known.forget(key);
  }

  /** What is kept of the owner's passwords; undefined: nothing yet. `fresh`: read anew, since somebody does not take what is known. */
  async read(
    owner: KubeObject,
    fresh: boolean,
    context: Context,
  ): Promise<PasswordState | Trouble | undefined> {
    const { client, clock, signal } = context;
    const { name, namespace = 'default' } = owner.metadata;
    const known = fresh ? undefined : this.#known.get(owner, clock);
    if (known) return known;
    const ref = { name: passwordSecretName(name), namespace };
    const secret = await client.get(secretResource, ref, signal);
    if (secret === undefined) return undefined;
    const taken = secretTaken(owner, secret);
    if (taken) return taken;
    const found = stateOf(secret);
    const state = found && editedPasswords(found, textIn(secret, inUseKey), clock.nowMs());
    if (state && state !== found) await this.write(owner, state, false, context);
    if (state) this.#known.set(owner, state, clock);
    return state;
  }

  /** `isNew`: there is none, or rather was none when it was read. */
  async write(
    owner: KubeObject,
    state: PasswordState,
    isNew: boolean,
    { client, signal }: Context,
  ): Promise<void> {
    this.#known.forget(keyOf(owner)); // whatever becomes of it: it is read again
    const secret = secretOf(this.#engine, owner, state);
    const { name, namespace } = secret.metadata;
    const fieldManager = this.#engine.component;
    if (!isNew) {
      // Null takes a key away.
      const data = { next: null, previous: null, ...secret.data };
      const patch = { type: 'merge', body: { data, metadata: marksOf(state) } } as const;
      const ref = { name, ...(namespace ? { namespace } : {}) };
      await client.patch(secretResource, ref, patch, { fieldManager }, signal);
      return;
    }
    try {
      await client.create(secretResource, secret, { fieldManager }, signal);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error; // made by one whose answer was lost
    }
  }
}

function textIn({ data = {} }: Secret, key: string): string | undefined {
  const value = data[key];
  return value ? Buffer.from(value, 'base64').toString() : undefined;
}

function stateOf(secret: Secret): PasswordState | undefined {
  const { annotations = {} } = secret.metadata;
  const [password, next, previous, inUse] = ['password', 'next', 'previous', inUseKey].map((key) =>
    textIn(secret, key),
  );
  const current = password ?? (inUse === undefined ? undefined : '');
  if (current === undefined) return undefined;
  const since = annotations[sinceAnnotation];
  return {
    current,
    ...(next === undefined ? {} : { next }),
    ...(previous === undefined ? {} : { previous }),
    change: annotations[changeAnnotation] ?? '',
    sinceMs: since ? Date.parse(since) : undefined,
  };
}

function marksOf({ change, sinceMs }: PasswordState) {
  const since = sinceMs === undefined ? {} : { [sinceAnnotation]: timestampOf(sinceMs) };
  return { annotations: { [changeAnnotation]: change, ...since } };
}

function secretOf({ passwords, component }: Engine, owner: KubeObject, state: PasswordState) {
  const { name, namespace } = owner.metadata;
  const { current, next, previous } = state;
  const texts = {
    ...{ username: passwords?.user ?? '', password: current, [inUseKey]: current },
    ...(next === undefined ? {} : { next }),
    ...(previous === undefined ? {} : { previous }),
    ...passwords?.files(state),
  };
  const encode = ([key, text]: readonly [string, string]) =>
    [key, Buffer.from(text).toString('base64')] as const;
  return {
    ...({ apiVersion: 'v1', kind: 'Secret', type: 'Opaque' } as const),
    metadata: {
      name: passwordSecretName(name),
      ...(namespace ? { namespace } : {}),
      labels: ownLabels({ component }, name),
      ...marksOf(state),
      ownerReferences: [controllerReference(owner)],
    },
    data: Object.fromEntries(Object.entries(texts).map(encode)),
  };
}
