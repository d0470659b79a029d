// What the guards have to say, as Prometheus reads it, under the names that kube-apiserver's figures have.

import type { FairQueue, Refusal } from './fair-queue.ts';
import type { Flow, LevelName } from './flow.ts';

/** Requests of one flow schema. */
interface Figures {
  readonly schema: string;
  readonly level: LevelName;
  dispatched: number;
  executing: number;
  readonly rejected: Map<Refusal, number>;
}

/** What is counted of one request. */
export interface Count {
  rejected(why: Refusal): void;
  /** From now until it is disposed the request is worked on. */
  running(): Disposable;
}

/** Why requests were sent away that had nothing to do with turns. */
export type Reason = 'watches' | 'timeout' | 'body' | 'body-bytes' | 'answer-bytes' | 'slow-reader';

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];

export class GuardMetrics {
  readonly #levels: ReadonlyMap<LevelName, FairQueue>;
  readonly #watches: () => number;
  readonly #figures = new Map<string, Figures>();
  readonly #refused = new Map<Reason, number>();
  readonly #inflight = { mutating: 0, readOnly: 0 };

  constructor(levels: ReadonlyMap<LevelName, FairQueue>, watches: () => number) {
    this.#levels = levels;
    this.#watches = watches;
  }

  refused(reason: Reason): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  counted({ schema, level }: Flow, isMutating: boolean): Count {
    const kind = isMutating ? 'mutating' : 'readOnly';
    let figures = this.#figures.get(schema);
    if (!figures) {
      figures = { schema, level, dispatched: 0, executing: 0, rejected: new Map() };
      this.#figures.set(schema, figures);
    }
    const { rejected } = figures;
    return {
      rejected: (why) => void rejected.set(why, (rejected.get(why) ?? 0) + 1),
      running: () => {
        figures.dispatched++;
        figures.executing++;
        this.#inflight[kind]++;
        return {
          [Symbol.dispose]: () => {
            figures.executing--;
            this.#inflight[kind]--;
          },
        };
      },
    };
  }

  /** Text of the exposition format. */
  text(): string {
    const flows = [...this.#figures.values()];
    const levels = [...this.#levels];
    const ofFlow = ({ schema, level }: Figures): Labels => ({
      flow_schema: schema,
      priority_level: level,
    });
    const perFlow = (value: (figures: Figures) => number): Sample[] =>
      flows.map((figures) => [ofFlow(figures), value(figures)]);
    const perLevel = (value: (level: FairQueue) => number): Sample[] =>
      levels.map(([name, level]) => [{ priority_level: name }, value(level)]);
    return [
      family('apiserver_current_inflight_requests', 'gauge', [
        [{ request_kind: 'mutating' }, this.#inflight.mutating],
        [{ request_kind: 'readOnly' }, this.#inflight.readOnly],
      ]),
      family('apiserver_longrunning_requests', 'gauge', [[{}, this.#watches()]]),
      family(
        'apiserver_flowcontrol_dispatched_requests_total',
        'counter',
        perFlow(({ dispatched }) => dispatched),
      ),
      family(
        'apiserver_flowcontrol_current_executing_requests',
        'gauge',
        perFlow(({ executing }) => executing),
      ),
      family(
        'apiserver_flowcontrol_rejected_requests_total',
        'counter',
        flows.flatMap((figures) =>
          [...figures.rejected].map(([reason, count]) => [{ ...ofFlow(figures), reason }, count]),
        ),
      ),
      family(
        'apiserver_flowcontrol_current_inqueue_requests',
        'gauge',
        perLevel(({ queued }) => queued),
      ),
      family(
        'apiserver_flowcontrol_current_executing_seats',
        'gauge',
        perLevel(({ seatsTaken }) => seatsTaken),
      ),
      family(
        'apiserver_flowcontrol_nominal_limit_seats',
        'gauge',
        perLevel(({ seats }) => seats),
      ),
      family(
        'tweendeck_apiserver_refused_requests_total',
        'counter',
        [...this.#refused].map(([reason, count]) => [{ reason }, count]),
      ),
    ].join('');
  }
}

function family(name: string, type: 'gauge' | 'counter', samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`);
  return `# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}
