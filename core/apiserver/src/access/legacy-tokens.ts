// Secrets that hold a service account's token without an end: filled when they are made, gone with their account. After
// upstream's tokens controller.

import { isApiError } from '@tweendeck/kube';
import { abortable, messageOf } from '@tweendeck/std';
import { deleteObject } from '../delete.ts';
import { type Draft, objectAt, objectIn, textAt } from '../draft.ts';
import { internalWriting } from '../internal-writing.ts';
import type { ServedResource } from '../registry.ts';
import type { Services } from '../resource-call.ts';
import { updateObject } from '../update.ts';
import { signToken } from './jwt.ts';
import { legacyIssuer } from './token-authenticator.ts';

const tokenSecretType = 'kubernetes.io/service-account-token';
const nameKey = 'kubernetes.io/service-account.name';
const uidKey = 'kubernetes.io/service-account.uid';
/** A secret that was made just before its account is looked at again before it is given up. */
const lateMs = 1_000;
const retryMs = 5_000;

/** Looks after them until aborted. `authority` is PEM, and goes into every secret. */
export async function keepTokenSecrets(
  services: Services,
  authority: string,
  signal: AbortSignal,
): Promise<void> {
  const [secrets, accounts] = ['secrets', 'serviceaccounts'].map((plural) =>
    services.registry.find('', 'v1', plural),
  );
  if (!secrets || !accounts) return;
  const keeper = new Keeper(services, { secrets, accounts }, authority);
  using _following = keeper.follow();
  await keeper.run(signal);
}

class Keeper {
  readonly #services: Services;
  readonly #resources: { readonly secrets: ServedResource; readonly accounts: ServedResource };
  readonly #authority: string;
  readonly #due = new Set<string>();
  #wake = Promise.withResolvers<void>();

  constructor(
    services: Services,
    resources: { readonly secrets: ServedResource; readonly accounts: ServedResource },
    authority: string,
  ) {
    this.#services = services;
    this.#resources = resources;
    this.#authority = authority;
  }

  follow(): Disposable {
    const { secrets, accounts } = this.#caches();
    for (const { key, ours } of this.#all('')) if (ours) this.#add(key);
    const stack = new DisposableStack();
    stack.use(
      secrets.subscribe(({ current }) => {
        if (current && textAt(current.peek(), 'type') === tokenSecretType) this.#add(current.key);
      }),
    );
    stack.use(
      accounts.subscribe(({ current, previous }) => {
        if (current && previous) return;
        const namespace = (current ?? previous)?.namespace ?? '';
        for (const { key, ours } of this.#all(`${namespace}/`)) if (ours) this.#add(key);
      }),
    );
    return stack;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#services;
    for (;;) {
      const due = [...this.#due];
      this.#due.clear();
      for (const key of due) {
        try {
          await this.#keep(key, signal);
        } catch (error) {
          if (signal.aborted) throw error;
          log.warn('a token secret could not be filled', { secret: key, error: messageOf(error) });
          clock.timer(retryMs, () => this.#add(key), { keepAlive: false });
        }
      }
      if (this.#due.size > 0) continue;
      this.#wake = Promise.withResolvers();
      await abortable(this.#wake.promise, signal);
    }
  }

  #caches() {
    const { state } = this.#services;
    const { secrets, accounts } = this.#resources;
    return {
      secrets: state.resource(secrets.storagePrefix),
      accounts: state.resource(accounts.storagePrefix),
    };
  }

  *#all(prefix: string): Generator<{ readonly key: string; readonly ours: boolean }> {
    for (const object of this.#caches().secrets.range(prefix)) {
      yield { key: object.key, ours: object.field('type', ['type']) === tokenSecretType };
    }
  }

  #add(key: string): void {
    this.#due.add(key);
    this.#wake.resolve();
  }

  #account(secret: Draft): Draft | undefined {
    const { namespace, annotations } = secret.metadata;
    const account = this.#caches().accounts.get(`${namespace}/${annotations?.[nameKey]}`)?.peek();
    const uid = annotations?.[uidKey];
    return uid && account?.metadata.uid !== uid ? undefined : account;
  }

  async #keep(key: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#services;
    const secret = this.#caches().secrets.get(key)?.peek();
    if (!secret || textAt(secret, 'type') !== tokenSecretType) return;
    const account = this.#account(secret);
    if (account) {
      if (this.#lacks(secret)) await this.#fill(secret, account);
      return;
    }
    await clock.sleep(lateMs, signal);
    if (!this.#account(secret)) await this.#remove(secret);
    else this.#add(key);
  }

  #lacks(secret: Draft): boolean {
    const data = objectAt(secret, 'data');
    const authority = Buffer.from(this.#authority).toString('base64');
    return data['ca.crt'] !== authority || !data['namespace'] || !data['token'];
  }

  async #fill(secret: Draft, account: Draft): Promise<void> {
    const { name = '', namespace = '', uid } = secret.metadata;
    const { trust } = this.#services.access;
    const prefix = 'kubernetes.io/serviceaccount/';
    const claims = {
      iss: legacyIssuer,
      [`${prefix}namespace`]: namespace,
      [`${prefix}secret.name`]: name,
      [`${prefix}service-account.name`]: account.metadata.name,
      [`${prefix}service-account.uid`]: account.metadata.uid,
      sub: `system:serviceaccount:${namespace}:${account.metadata.name}`,
    };
    const token = signToken(claims, trust.keys.signing);
    await this.#quietly(
      updateObject(this.#writing('update', { name, namespace }), {
        part: 'main',
        make: (live) => {
          if (live.metadata.uid !== uid) return live;
          live.metadata.annotations = {
            ...live.metadata.annotations,
            [nameKey]: account.metadata.name ?? '',
            [uidKey]: account.metadata.uid ?? '',
          };
          const data = objectIn(live, 'data');
          const encoded = (text: string): string => Buffer.from(text).toString('base64');
          data['ca.crt'] = encoded(this.#authority);
          data['namespace'] ||= encoded(namespace);
          data['token'] ||= encoded(token);
          return live;
        },
      }),
    );
  }

  async #remove({ metadata: { name = '', namespace = '', uid } }: Draft): Promise<void> {
    const options = {
      uid,
      dryRun: false,
      graceSeconds: undefined,
      policy: undefined,
      resourceVersion: undefined,
    };
    await this.#quietly(deleteObject(this.#writing('delete', { name, namespace }), options));
  }

  #writing(
    verb: 'update' | 'delete',
    place: { readonly name: string; readonly namespace: string },
  ) {
    return internalWriting(this.#services, { resource: this.#resources.secrets, verb, ...place });
  }

  /** Somebody else may have removed or replaced it. */
  async #quietly(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isApiError(error, 'NotFound') && !isApiError(error, 'Conflict')) throw error;
    }
  }
}
