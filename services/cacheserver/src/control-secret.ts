// The Secret with what only replicas and cleaner know: made once, with chance, and left alone from then on. The controller
// may make Secrets, not read them: whatever else lies in a namespace is none of its business.

import { Buffer } from 'node:buffer';
import type { ReconcileContext } from '@tweendeck/controller';
import { controllerReference, isApiError, secretResource } from '@tweendeck/kube';
import { controlName } from './child-names.ts';
import type { CacheServerObject } from './kind.ts';
import { labelsOf } from './labels.ts';

const secretBytes = 32;
/** Somebody may have deleted it: it is tried again after so long. */
const tryAgainMs = 60_000;

/** Remembers for whom there is one. */
export class ControlSecrets {
  readonly #made = new Map<string, { readonly uid: string; readonly atMs: number }>();

  forget(key: string): void {
    this.#made.delete(key);
  }

  /** Gives why there can be none; undefined when there is one. One that is there stays as it is, whoever made it. */
  async ensure(
    key: string,
    cache: CacheServerObject,
    context: ReconcileContext<CacheServerObject>,
  ): Promise<string | undefined> {
    const { uid, name, namespace } = cache.metadata;
    const nowMs = context.clock.monotonicMs();
    const known = this.#made.get(key);
    if (known?.uid === uid && nowMs - known.atMs < tryAgainMs) return undefined;
    const chance = (): string => {
      const hex = Buffer.from(context.random.bytes(secretBytes)).toString('hex');
      return Buffer.from(hex).toString('base64');
    };
    const secret = {
      ...secretKind,
      metadata: {
        ...{ name: controlName(name), labels: labelsOf(name) },
        ...(namespace ? { namespace } : {}),
        ownerReferences: [controllerReference(cache)],
      },
      type: 'Opaque',
      data: { token: chance(), key: chance() },
    };
    try {
      const options = { fieldManager: 'cacheserver' };
      await context.client.create(secretResource, secret, options, context.signal);
    } catch (error) {
      if (isApiError(error, 'Forbidden')) return error.message;
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
    this.#made.set(key, { uid, atMs: nowMs });
    return undefined;
  }
}

const secretKind = { apiVersion: 'v1', kind: 'Secret' } as const;
