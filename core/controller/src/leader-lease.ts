// At most one program acts: it holds a Lease, renews it, and stops before anybody else may take it.
//
// The algorithm is client-go's leader election: a candidate takes a lease that has not changed for its duration on the
// candidate's own monotonic clock (wall clocks of others are never compared), and the holder gives up when it could
// not renew for a shorter time than that.

import type { Client } from '@tweendeck/client';
import {
  isApiError,
  type Lease,
  type LeaseSpec,
  leaseResource,
  type ObjectRef,
  refKey,
} from '@tweendeck/kube';
import {
  type Clock,
  isAbort,
  type Logger,
  linkedAbort,
  messageOf,
  microTimestampOf,
  PlatformError,
  type Random,
} from '@tweendeck/std';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export interface LeaderLeaseOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Told, as `leader-election`, why the lease cannot be read or written. Waiting for another holder is no problem. */
  readonly health?: Health | undefined;
  readonly lease: ObjectRef;
  /** Unique among the candidates and among this one's restarts. */
  readonly identity: string;
}

const leaseSeconds = 15;
const renewDeadlineMs = 10_000;
const retryMs = 2_000;
const releaseTimeoutMs = 5_000;

/**
 * Waits for the lease, then runs `act` while it is held, and gives it back afterwards. Losing it aborts `act` and
 * rejects with CONTROLLER_LEASE_LOST once `act` has ended.
 */
export async function whileLeading(
  options: LeaderLeaseOptions,
  act: (leading: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(options);
  using _check = options.health?.add('leader-election', () => candidate.trouble);
  await candidate.acquire(signal);
  using leading = linkedAbort(new AbortController().signal);
  using renewing = linkedAbort(new AbortController().signal);
  const renewal = candidate.keep(renewing.signal).catch((error: unknown) => {
    if (!renewing.signal.aborted) leading.abort(error);
  });
  try {
    await act(leading.signal);
  } finally {
    renewing.abort();
    await renewal;
    await candidate.release();
  }
  if (leading.signal.aborted) throw leading.signal.reason;
}

class Candidate {
  readonly #options: LeaderLeaseOptions;
  readonly #labels: Readonly<Record<string, string>>;
  #observed: Lease | undefined;
  /** Monotonic: when the observed lease was first seen in its present version. */
  #observedAtMs = 0;
  /** Monotonic: when the last renewal that succeeded was sent. */
  #renewedAtMs = 0;
  #trouble: string | undefined = 'the lease was not read yet';

  constructor(options: LeaderLeaseOptions) {
    this.#options = options;
    this.#labels = { name: options.lease.name };
  }

  /** Why the last try failed, if it was not that another holds the lease. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const { log, lease, clock, metrics } = this.#options;
    metrics.set('leader_election_master_status', this.#labels, 0);
    while (!(await this.#try(clock.monotonicMs() + renewDeadlineMs, signal)))
      await clock.sleep(this.#pauseMs(), signal);
    metrics.set('leader_election_master_status', this.#labels, 1);
    log.info('leading', { lease: lease.name });
  }

  /** Renews until the signal aborts; rejects with CONTROLLER_LEASE_LOST. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, lease, metrics } = this.#options;
    for (;;) {
      const deadlineMs = this.#renewedAtMs + renewDeadlineMs;
      const leftMs = Math.max(0, deadlineMs - clock.monotonicMs());
      await clock.sleep(Math.min(retryMs, leftMs), signal);
      const held = await this.#try(deadlineMs, signal);
      if (held) continue;
      const holder = this.#observed?.spec.holderIdentity;
      const taken = holder !== undefined && holder !== this.#options.identity;
      if (!taken && clock.monotonicMs() < deadlineMs) continue;
      metrics.set('leader_election_master_status', this.#labels, 0);
      throw new PlatformError(
        'CONTROLLER_LEASE_LOST',
        taken
          ? `lease ${lease.name} was taken by ${holder || 'nobody yet'}`
          : `lease ${lease.name} was not renewed for ${renewDeadlineMs / 1_000} s`,
      );
    }
  }

  /** Gives the lease back, so that the next one need not wait; does what it can in five seconds. */
  async release(): Promise<void> {
    const { client, clock, identity, log, metrics } = this.#options;
    metrics.set('leader_election_master_status', this.#labels, 0);
    const held = this.#observed;
    if (held?.spec.holderIdentity !== identity) return;
    using limit = linkedAbort(new AbortController().signal);
    using _ = clock.timer(releaseTimeoutMs, () => limit.abort());
    const now = microTimestampOf(clock.nowMs());
    const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now };
    try {
      await client.update(leaseResource, { ...held, spec }, {}, limit.signal);
    } catch (error) {
      log.info('the lease was not released; others wait until it expires', { error });
    }
  }

  /** Takes or renews the lease if that is allowed; whatever goes wrong is a no. */
  async #try(deadlineMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    using attempt = linkedAbort(signal);
    using _ = clock.timer(Math.max(0, deadlineMs - clock.monotonicMs()), () => attempt.abort());
    const sentAtMs = clock.monotonicMs();
    try {
      const held = await this.#takeOrRenew(attempt.signal);
      if (held) this.#renewedAtMs = sentAtMs;
      this.#trouble = undefined;
      return held;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      this.#complain(attempt.signal.aborted ? new Error('the API server did not answer') : error);
      return false;
    }
  }

  /** Once per kind of trouble; that another was faster is none. */
  #complain(error: unknown): void {
    const { lease, log } = this.#options;
    const before = this.#trouble;
    this.#trouble = isApiError(error, 'Conflict')
      ? undefined
      : `lease ${refKey(lease)}: ${messageOf(error)}`;
    const level = this.#trouble === undefined || this.#trouble === before ? 'debug' : 'warn';
    log[level]('the lease was not taken; trying again', { lease: refKey(lease), error });
  }

  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { client, clock, identity, lease } = this.#options;
    const known = this.#observed;
    if (known?.spec.holderIdentity === identity && (await this.#renewKnown(known, signal)))
      return true;
    const found = await client.get(leaseResource, lease, signal);
    if (!found) {
      const object = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: lease,
        spec: this.#spec(undefined),
      } as const;
      this.#observe(await client.create(leaseResource, object, {}, signal));
      return true;
    }
    if (found.metadata.resourceVersion !== known?.metadata.resourceVersion) this.#observe(found);
    const { holderIdentity: holder, leaseDurationSeconds: seconds = leaseSeconds } = found.spec;
    const expiresAtMs = this.#observedAtMs + seconds * 1_000;
    if (holder && holder !== identity && clock.monotonicMs() < expiresAtMs) return false;
    const taken = { ...found, spec: this.#spec(found.spec) };
    this.#observe(await client.update(leaseResource, taken, {}, signal));
    return true;
  }

  /** The usual case in one request; false when the lease is not as we left it. */
  async #renewKnown(known: Lease, signal: AbortSignal): Promise<boolean> {
    const renewed = { ...known, spec: this.#spec(known.spec) };
    try {
      this.#observe(await this.#options.client.update(leaseResource, renewed, {}, signal));
      return true;
    } catch (error) {
      if (isApiError(error, 'Conflict') || isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }

  #observe(lease: Lease): void {
    this.#observed = lease;
    this.#observedAtMs = this.#options.clock.monotonicMs();
  }

  #spec(previous: LeaseSpec | undefined): LeaseSpec {
    const { identity, clock } = this.#options;
    const now = microTimestampOf(clock.nowMs());
    const keeps = previous?.holderIdentity === identity;
    const transitions = previous?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: keeps ? (previous.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: keeps || !previous ? transitions : transitions + 1,
    };
  }

  #pauseMs(): number {
    return retryMs * (1 + 0.2 * this.#options.random.next());
  }
}
