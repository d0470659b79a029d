// Figures of all clusters, of all engines together, as the last pass of each left them. Who is gone is told no more.

import { type KubeObject, type ObjectRef, refKey } from '@tweendeck/kube';
import { boundText, type MetricFamily, type MetricSample } from '@tweendeck/std';
import { clusterPhases } from '../cluster-spec.ts';
import { ClusterFigures, type MemberFigures, type PassAccount } from './cluster-figures.ts';
import type { MetricHead } from './telemetry.ts';
import {
  type Counter,
  clusterCounters,
  clusterGauges,
  memberGauges,
  observeDuration,
} from './usual-metrics.ts';

type Labels = MetricSample['labels'];

/** Lines of members beyond it are left out: 200,000, of a thousand clusters, are 21 MB and keep the process for 0.4 s. */
const usualLinesMax = 300_000;
/** Seconds; of a member is given up after 1.5 s. */
const durationBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];

/** Of every cluster that the controllers of engines look after. */
export class EngineFigures {
  readonly #clusters = new Map<string, ClusterFigures>();
  readonly #make: typeof ClusterFigures;
  readonly #linesMax: number;
  readonly #durations = new Map<string, { readonly counts: number[]; sum: number }>();

  constructor({
    make = ClusterFigures,
    linesMax = usualLinesMax,
  }: { readonly make?: typeof ClusterFigures; readonly linesMax?: number } = {}) {
    this.#make = make;
    this.#linesMax = linesMax;
  }

  of({ kind, metadata: { namespace, name } }: KubeObject): ClusterFigures {
    const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
    const key = `${kind} ${refKey(ref)}`;
    const known = this.#clusters.get(key);
    if (known) return known;
    const made = new this.#make(kind, ref);
    this.#clusters.set(key, made);
    return made;
  }

  /** How long it took to ask all members of a cluster. */
  asked(kind: string, seconds: number): void {
    const known = this.#durations.get(kind);
    const counts = known?.counts ?? Array.from({ length: durationBounds.length + 1 }, () => 0);
    const at = durationBounds.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? durationBounds.length : at;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.#durations.set(kind, { counts, sum: (known?.sum ?? 0) + seconds });
  }

  forget(kind: string, ref: ObjectRef): void {
    this.#clusters.delete(`${kind} ${refKey(ref)}`);
  }

  families(): readonly MetricFamily[] {
    const book = new Book();
    for (const cluster of this.#clusters.values()) tellCluster(cluster, book);
    let untold = 0;
    for (const { labels, members } of this.#clusters.values()) {
      if (book.lines >= this.#linesMax) untold += members.length;
      else for (const member of members) tellMember(member, labels, book);
    }
    const head = {
      ...({ name: 'untold_members', type: 'gauge' } as const),
      help: `Members whose figures are left out, beyond ${this.#linesMax} lines.`,
    };
    book.add(head, {}, untold);
    return [...book.families(), this.#durationFamily()];
  }

  #durationFamily(): MetricFamily {
    const samples = [...this.#durations].flatMap(([kind, { counts, sum }]) => {
      let below = 0;
      const buckets = counts.map((count, at) => {
        below += count;
        const bound = durationBounds[at];
        const le = bound === undefined ? '+Inf' : boundText(bound);
        return { suffix: '_bucket', labels: { kind, le }, value: below };
      });
      return [
        ...buckets,
        { suffix: '_sum', labels: { kind }, value: sum },
        { suffix: '_count', labels: { kind }, value: below },
      ];
    });
    const { name, help } = observeDuration;
    return { name: `tweendeck_${name}`, type: 'histogram', help, samples };
  }
}

/** Families as they grow. */
class Book {
  readonly #families = new Map<string, { readonly head: MetricHead; samples: MetricSample[] }>();
  lines = 0;

  add(head: MetricHead, labels: Labels, value: number): void {
    const family = this.#families.get(head.name) ?? { head, samples: [] };
    this.#families.set(head.name, family);
    family.samples.push({ suffix: head.type === 'counter' ? '_total' : '', labels, value });
    this.lines++;
  }

  families(): readonly MetricFamily[] {
    return [...this.#families.values()].map(({ head: { name, type, help }, samples }) => ({
      ...{ name: `tweendeck_${name}`, type, help, samples },
    }));
  }
}

function tellCluster(cluster: ClusterFigures, book: Book): void {
  const { labels, counts, members, wanted, account, endedMs, own } = cluster;
  for (const [counter, head] of Object.entries(clusterCounters)) {
    // The keys of the table are those of the counts.
    book.add(head, labels, counts[counter as Counter]);
  }
  if (endedMs !== undefined) book.add(clusterGauges.lastPass, labels, endedMs / 1_000);
  const groups = Map.groupBy(members, ({ group }) => group);
  for (const group of new Set([...groups.keys(), ...wanted.keys()])) {
    const all = groups.get(group) ?? [];
    const count = wanted.get(group) ?? all.filter((member) => member.wanted).length;
    book.add(clusterGauges.membersWanted, { ...labels, group }, count);
    const ready = Map.groupBy(
      all.filter(({ isReady }) => isReady),
      ({ role }) => role,
    );
    for (const [role, ones] of ready) {
      book.add(clusterGauges.membersReady, { ...labels, group, role }, ones.length);
    }
  }
  if (account) tellAccount(account, labels, book);
  for (const { head, value } of own) book.add(head, labels, value);
}

function tellAccount(
  { phase, phases = clusterPhases, step, conditions, plan }: PassAccount,
  labels: Labels,
  book: Book,
): void {
  for (const one of phases) {
    book.add(clusterGauges.phase, { ...labels, phase: one }, one === phase ? 1 : 0);
  }
  for (const { type, status } of conditions) {
    if (status === 'Unknown') continue;
    book.add(clusterGauges.condition, { ...labels, condition: type }, status === 'True' ? 1 : 0);
  }
  for (const reason of new Set(plan.troubles.map((trouble) => trouble.reason))) {
    book.add(clusterGauges.trouble, { ...labels, reason }, 1);
  }
  book.add(clusterGauges.stepsAhead, labels, plan.ahead.length);
  if (step === null) return;
  const since = Date.parse(step.since) / 1_000;
  book.add(clusterGauges.stepStarted, { ...labels, step: step.id }, since);
}

function tellMember(member: MemberFigures, cluster: Labels, book: Book): void {
  const { name, group, shard, role, host, version, isUp, isReady, own } = member;
  const labels = { ...cluster, member: name };
  const more = { group, shard: String(shard), role, host, version };
  book.add(memberGauges.info, { ...labels, ...more }, 1);
  book.add(memberGauges.up, labels, isUp ? 1 : 0);
  book.add(memberGauges.ready, labels, isReady ? 1 : 0);
  for (const { head, value } of own) book.add(head, labels, value);
}
