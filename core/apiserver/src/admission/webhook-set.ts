// All configured webhooks, read anew when a configuration changes, in the order in which they are asked.

import {
  type CelCondition,
  compileCondition,
  everyLabel,
  type LabelMatcher,
  labelSelectorFromObject,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { ClusterState } from '../cluster-state.ts';
import { type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import type { ResourceCache } from '../resource-cache.ts';
import { storagePrefix } from '../storage-key.ts';

export interface HookRule {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  /** `Cluster`, `Namespaced` or `*`. */
  readonly scope: string;
}

interface ServicePlace {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly path: string;
}

/** Where a webhook is, and whom to trust there. */
export interface HookClient {
  readonly target:
    | { readonly type: 'url'; readonly url: string }
    | { readonly type: 'service'; readonly service: ServicePlace };
  /** PEM; undefined: the authorities that the machine trusts. */
  readonly authority: string | undefined;
}

export interface Hook {
  readonly name: string;
  readonly configuration: string;
  /** Tells the hooks of all configurations apart. */
  readonly id: string;
  /** Its place among all hooks of its kind. */
  readonly position: number;
  readonly client: HookClient;
  readonly rules: readonly HookRule[];
  readonly equivalent: boolean;
  readonly namespaces: LabelMatcher;
  readonly objects: LabelMatcher;
  readonly conditions: readonly CelCondition[];
  readonly ignoresFailure: boolean;
  readonly noSideEffects: boolean;
  readonly timeoutMs: number;
  readonly reinvoked: boolean;
  /** Of AdmissionReview, as the hook prefers. */
  readonly versions: readonly string[];
}

const group = 'admissionregistration.k8s.io';
type Kind = 'mutating' | 'validating';

export class WebhookSet implements Disposable {
  readonly #caches: Readonly<Record<Kind, ResourceCache>>;
  readonly #hooks: Record<Kind, readonly Hook[] | undefined>;
  readonly #subscriptions = new DisposableStack();

  constructor(state: ClusterState) {
    const cacheOf = (kind: Kind): ResourceCache =>
      state.resource(storagePrefix({ group, plural: `${kind}webhookconfigurations` }));
    this.#caches = { mutating: cacheOf('mutating'), validating: cacheOf('validating') };
    this.#hooks = { mutating: undefined, validating: undefined };
    for (const kind of ['mutating', 'validating'] as const) {
      const forget = (): void => {
        this.#hooks[kind] = undefined;
      };
      this.#subscriptions.use(this.#caches[kind].subscribe(forget));
    }
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
  }

  /** By the names of their configurations, then as those list them. */
  hooks(kind: Kind): readonly Hook[] {
    const known = this.#hooks[kind];
    if (known) return known;
    const read = [...this.#caches[kind].range('')]
      .flatMap((configuration) => hooksOf(configuration.peek()))
      .map((hook, position) => ({ ...hook, position }));
    this.#hooks[kind] = read;
    return read;
  }
}

function hooksOf(configuration: Draft): readonly Omit<Hook, 'position'>[] {
  const { name: configurationName = '' } = configuration.metadata;
  return listAt(configuration, 'webhooks').map((hook, index) => ({
    name: textAt(hook, 'name'),
    configuration: configurationName,
    id: `${configurationName}/${textAt(hook, 'name')}/${index}`,
    client: clientOf(objectAt(hook, 'clientConfig')),
    rules: listAt(hook, 'rules').map(ruleOf),
    equivalent: textAt(hook, 'matchPolicy') === 'Equivalent',
    namespaces: matcherOf(hook['namespaceSelector']),
    objects: matcherOf(hook['objectSelector']),
    conditions: listAt(hook, 'matchConditions').map((each) =>
      compileCondition(textAt(each, 'expression').trim()),
    ),
    ignoresFailure: textAt(hook, 'failurePolicy') === 'Ignore',
    noSideEffects: ['None', 'NoneOnDryRun'].includes(textAt(hook, 'sideEffects')),
    timeoutMs: (numberAt(hook, 'timeoutSeconds') ?? 10) * 1_000,
    reinvoked: textAt(hook, 'reinvocationPolicy') === 'IfNeeded',
    versions: textsAt(hook, 'admissionReviewVersions'),
  }));
}

function matcherOf(selector: unknown): LabelMatcher {
  return isJsonObject(selector) ? labelSelectorFromObject(selector) : everyLabel;
}

function ruleOf(rule: Fields): HookRule {
  return {
    operations: textsAt(rule, 'operations'),
    apiGroups: textsAt(rule, 'apiGroups'),
    apiVersions: textsAt(rule, 'apiVersions'),
    resources: textsAt(rule, 'resources'),
    scope: textAt(rule, 'scope') || '*',
  };
}

function clientOf(config: Fields): HookClient {
  const bundle = textAt(config, 'caBundle');
  const authority = bundle === '' ? undefined : Buffer.from(bundle, 'base64').toString();
  const { service } = config;
  if (!isJsonObject(service)) {
    return { target: { type: 'url', url: textAt(config, 'url') }, authority };
  }
  return {
    target: {
      type: 'service',
      service: {
        namespace: textAt(service, 'namespace'),
        name: textAt(service, 'name'),
        port: numberAt(service, 'port') ?? 443,
        path: textAt(service, 'path'),
      },
    },
    authority,
  };
}

function textsAt(object: Fields, key: string): readonly string[] {
  const list = object[key];
  return Array.isArray(list) ? list.map(String) : [];
}
