// Where one scenario plays: a namespace of its own in a home, and short words for what scenarios do there.

import assert from 'node:assert/strict';
import { type CacheServerObject, cacheServerKind, selectorOf } from '@tweendeck/cacheserver';
import type { Client } from '@tweendeck/client';
import {
  type Condition,
  eventResource,
  namespaceResource,
  type Pod,
  podResource,
  serviceAccountResource,
} from '@tweendeck/kube';
import { stringify } from 'yaml';
import { until } from '../support/home.ts';
import type { ScenarioHome } from './scenario-home.ts';

/** Small, so that many run beside one another. */
const smallLimits: Readonly<Record<string, string>> = { cpu: '100m', memory: '96Mi' };

/** A spec of a CacheServer in part; the rest is small. */
export type SpecPart = Readonly<Record<string, unknown>>;

export class Stage implements AsyncDisposable {
  readonly home: ScenarioHome;
  readonly namespace: string;
  readonly signal: AbortSignal;
  /** What was seen here and must be the same in every home. */
  readonly observed: Record<string, unknown> = {};

  private constructor(home: ScenarioHome, namespace: string, signal: AbortSignal) {
    this.home = home;
    this.namespace = namespace;
    this.signal = signal;
  }

  /** Makes the namespace; it enforces pod security "restricted" where the home does. */
  static async open(home: ScenarioHome, namespace: string, signal: AbortSignal): Promise<Stage> {
    const stage = new Stage(home, namespace, signal);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const made = { metadata: { name: namespace, labels } };
    await home.client.apply(namespaceResource, made, { fieldManager: 'scenarios' }, signal);
    const account = { namespace, name: 'default' };
    await stage.until('the namespace has its service account', () =>
      home.client.get(serviceAccountResource, account, signal),
    );
    return stage;
  }

  get client(): Client {
    return this.home.client;
  }

  /** Runs kubectl in the namespace; it must succeed. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const outcome = await this.home.kubectl(['-n', this.namespace, ...args], input);
    assert.equal(outcome.code, 0, `kubectl ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout;
  }

  /** Runs the platform's own command line in the namespace; it must succeed. */
  async tweendeck(args: readonly string[], input?: string): Promise<string> {
    const outcome = await this.home.tweendeck([...args, '-n', this.namespace], input);
    assert.equal(outcome.code, 0, `tweendeck ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout;
  }

  /** Runs the platform's own command line in the namespace; it must fail, with 1. Gives what it said. */
  async tweendeckFails(args: readonly string[], input?: string): Promise<string> {
    const outcome = await this.home.tweendeck([...args, '-n', this.namespace], input);
    assert.equal(outcome.code, 1, `tweendeck ${args.join(' ')}: ${outcome.stdout}`);
    return outcome.stderr;
  }

  /** Applies a CacheServer as a person would. */
  async apply(name: string, spec: SpecPart = {}): Promise<void> {
    await this.tweendeck(['apply', '--force', '-f', '-'], manifestOf(name, spec));
  }

  /** Changes fields of a CacheServer. */
  async change(name: string, spec: SpecPart): Promise<void> {
    const patch = { type: 'merge', body: { spec } } as const;
    await this.client.patch(cacheServerKind, this.ref(name), patch, {}, this.signal);
  }

  ref(name: string): { readonly namespace: string; readonly name: string } {
    return { namespace: this.namespace, name };
  }

  async cache(name: string): Promise<CacheServerObject> {
    const found = await this.client.get(cacheServerKind, this.ref(name), this.signal);
    assert.ok(found, `there is no CacheServer ${name}`);
    return found;
  }

  async conditions(name: string): Promise<ReadonlyMap<string, Condition>> {
    const { status } = await this.cache(name);
    return new Map((status?.conditions ?? []).map((condition) => [condition.type, condition]));
  }

  /** Waits until the whole of the present spec is true and served. */
  async untilReady(name: string): Promise<CacheServerObject> {
    const ready = this.until(`${name} is Ready`, async () => {
      const cache = await this.cache(name);
      const { status, metadata } = cache;
      if (status?.observedGeneration !== metadata.generation) return false;
      return status?.phase === 'Ready' && status.readyReplicas === cache.spec.replicas && cache;
    });
    return ready.catch(async (error: unknown) => {
      const { status } = await this.cache(name);
      const { items } = await this.client.list(podResource, {}, this.signal);
      const facts = [JSON.stringify(status), 'pods of all namespaces:', ...items.map(factsOf)];
      throw new Error([`${name} is not Ready`, ...facts].join('\n'), { cause: error });
    });
  }

  /** Waits for a condition, and gives it. */
  async untilCondition(name: string, type: string, wanted: Partial<Condition>): Promise<Condition> {
    return this.until(`${name} has ${type} ${JSON.stringify(wanted)}`, async () => {
      const condition = (await this.conditions(name)).get(type);
      const fits = Object.entries(wanted).every(
        ([field, value]) => new Map(Object.entries(condition ?? {})).get(field) === value,
      );
      return fits && condition;
    });
  }

  /** Waits until all replicas have told that they follow the rules of the present spec. */
  async untilRulesApplied(name: string): Promise<void> {
    await this.until(`${name} follows its rules`, async () => {
      const { generation } = (await this.cache(name)).metadata;
      const told = (await this.conditions(name)).get('RulesApplied');
      return told?.status === 'True' && told.observedGeneration === generation;
    });
  }

  /** Pods of a CacheServer, those being deleted too. */
  async pods(name: string): Promise<readonly Pod[]> {
    const labelSelector = Object.entries(selectorOf(name))
      .map((pair) => pair.join('='))
      .join(',');
    const selection = { namespace: this.namespace, labelSelector };
    return (await this.client.list(podResource, selection, this.signal)).items;
  }

  /** Messages of the events about a CacheServer, by reason. */
  async eventsAbout(name: string): Promise<ReadonlyMap<string, string>> {
    const fieldSelector = `involvedObject.kind=CacheServer,involvedObject.name=${name}`;
    const selection = { namespace: this.namespace, fieldSelector };
    const { items } = await this.client.list(eventResource, selection, this.signal);
    return new Map(items.map(({ reason, message }) => [reason ?? '', message ?? '']));
  }

  until<Value>(what: string, probe: () => Promise<Value | undefined | false>): Promise<Value> {
    return until(`${what} (${this.home.name})`, probe, this.home.patienceMs);
  }

  /** Keeps what must be the same in every home. */
  observe(what: string, value: unknown): void {
    this.observed[what] = value;
  }

  /** Deletes the namespace and all in it, without waiting. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.delete(namespaceResource, { name: this.namespace }, {}, this.signal);
  }
}

/** What keeps it from being ready, in one line. */
function factsOf({ metadata, spec, status }: Pod): string {
  const { namespace, name, deletionTimestamp } = metadata;
  const cpu = spec.containers.map(({ resources }) => resources?.requests?.['cpu'] ?? '-');
  const why = (status?.conditions ?? []).flatMap(({ type, status: is, message = '' }) =>
    is === 'True' ? [] : [`${type}: ${message}`],
  );
  const going = deletionTimestamp === undefined ? '' : ` going by ${deletionTimestamp}`;
  return `${namespace}/${name} ${status?.phase} cpu ${cpu}${going} ${why}`;
}

/** YAML of a small CacheServer. */
export function manifestOf(name: string, spec: SpecPart = {}): string {
  const object = {
    apiVersion: 'tweendeck.io/v1alpha1',
    kind: 'CacheServer',
    metadata: { name },
    spec: { storage: 100_000_000, resources: { limits: smallLimits }, ...spec },
  };
  return stringify(object, { version: '1.1' });
}
