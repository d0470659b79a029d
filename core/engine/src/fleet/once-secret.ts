// Secrets that are made once, with chance, and left alone from then on. The controller may make Secrets of this kind, not
// read them: whatever else lies in a namespace is none of its business.

import { Buffer } from 'node:buffer';
import type { ReconcileContext } from '@tweendeck/controller';
import { controllerReference, isApiError, type KubeObject, secretResource } from '@tweendeck/kube';
import type { FleetSecret } from './fleet-engine.ts';

const fieldBytes = 32;
/** Somebody may have deleted it: it is tried again after so long. */
const tryAgainMs = 60_000;

/** Remembers for whom there is one. */
export class OnceSecrets {
  readonly #fieldManager: string;
  readonly #made = new Map<string, { readonly uid: string; readonly atMs: number }>();

  constructor(fieldManager: string) {
    this.#fieldManager = fieldManager;
  }

  forget(key: string): void {
    this.#made.delete(key);
  }

  /** Gives why there can be none; undefined when there is one. One that is there stays as it is, whoever made it. */
  async ensure<Owner extends KubeObject>(
    key: string,
    { owner, secret }: { readonly owner: Owner; readonly secret: FleetSecret },
    context: Pick<ReconcileContext<Owner>, 'client' | 'clock' | 'random' | 'signal'>,
  ): Promise<string | undefined> {
    const { uid, namespace } = owner.metadata;
    const nowMs = context.clock.monotonicMs();
    const known = this.#made.get(key);
    if (known?.uid === uid && nowMs - known.atMs < tryAgainMs) return undefined;
    const chance = (): string => {
      const hex = Buffer.from(context.random.bytes(fieldBytes)).toString('hex');
      return Buffer.from(hex).toString('base64');
    };
    const object = {
      ...({ apiVersion: 'v1', kind: 'Secret', type: 'Opaque' } as const),
      metadata: {
        ...{ name: secret.name, labels: secret.labels },
        ...(namespace ? { namespace } : {}),
        ownerReferences: [controllerReference(owner)],
      },
      data: Object.fromEntries(secret.fields.map((field) => [field, chance()])),
    };
    try {
      const options = { fieldManager: this.#fieldManager };
      await context.client.create(secretResource, object, options, context.signal);
    } catch (error) {
      if (isApiError(error, 'Forbidden')) return error.message;
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
    this.#made.set(key, { uid, atMs: nowMs });
    return undefined;
  }
}
