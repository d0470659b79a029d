// Asks webhooks about writes: mutating ones one after the other, validating ones together. After apiserver's webhook plugins.

import { ApiError, applyJsonPatch, goQuote } from '@tweendeck/kube';
import { isJsonObject, jsonEqual, type Logger, messageOf } from '@tweendeck/std';
import type { ClusterState } from '../cluster-state.ts';
import { copyOf, type Draft, type Fields } from '../draft.ts';
import { badRequest, forbidden, internal, notFound } from '../failures.ts';
import type { Registry, ServedResource } from '../registry.ts';
import { storagePrefix } from '../storage-key.ts';
import type { Admission, Intent } from '../writing.ts';
import {
  denial,
  type ReviewAnswer,
  type ReviewFacts,
  readReview,
  reviewBody,
  reviewRequest,
  UndecodablePatch,
} from './admission-review.ts';
import type { WebhookClients } from './webhook-client.ts';
import { type Matchable, matchHook, mayMatch } from './webhook-match.ts';
import type { Hook, WebhookSet } from './webhook-set.ts';

export interface WebhookTools {
  readonly state: ClusterState;
  readonly registry: () => Registry;
  readonly hooks: WebhookSet;
  readonly clients: WebhookClients;
  readonly log: Logger;
  readonly closed: AbortSignal;
}

const configurations = 'admissionregistration.k8s.io';

/** Webhooks as the last to change and to check. `inner` is what changes and checks objects without asking anybody: for changes it is asked again after a webhook's. */
export function webhookAdmission(
  tools: WebhookTools,
  inner: Required<Pick<Admission, 'mutate' | 'check'>>,
): Pick<Admission, 'mutate' | 'check' | 'waits'> {
  const { hooks } = tools;
  const ask = (intent: Intent): void | Promise<void> => {
    const validating = hooks.hooks('validating');
    if (validating.length === 0 || isExempt(intent)) return undefined;
    return checkAll(tools, validating, intent);
  };
  return {
    waits(resource) {
      const all = [...hooks.hooks('mutating'), ...hooks.hooks('validating')];
      if (all.length === 0) return false;
      const versions = [resource, ...equivalentsOf(tools.registry(), resource)];
      return all.some((hook) => mayMatch(hook, versions));
    },
    mutate(intent) {
      const first = inner.mutate(intent);
      if (hooks.hooks('mutating').length === 0 || isExempt(intent)) return first;
      return new Mutation(tools, inner, intent).run(first);
    },
    check(intent) {
      const first = inner.check(intent);
      return first instanceof Promise ? first.then(() => ask(intent)) : ask(intent);
    },
  };
}

/** Webhooks may not stand in the way of those who mend webhooks. */
function isExempt({ writing: { resource } }: Intent): boolean {
  return resource.group === configurations;
}

function equivalentsOf(registry: Registry, resource: ServedResource): readonly ServedResource[] {
  return registry.all.filter(
    (each) => each.storagePrefix === resource.storagePrefix && each !== resource && !each.answered,
  );
}

/** One question, ready to be asked. */
interface Question {
  readonly hook: Hook;
  readonly as: ServedResource;
  readonly request: Fields;
}

/** Whether a hook is to be asked. @throws ApiError when its conditions fail, or the namespace is not there. */
function questionOf(tools: WebhookTools, hook: Hook, intent: Intent): Question | undefined {
  const { resource } = intent.writing;
  const registry = tools.registry();
  const write = matchableOf(tools, intent);
  const match = matchHook(hook, write);
  if (match.type === 'none') return undefined;
  if (match.type === 'no-namespace') {
    throw notFound({ group: '', plural: 'namespaces' }, write.namespace);
  }
  const { group, version, plural } = match.as;
  const as = registry.find(group, version, plural) ?? resource;
  const request = reviewRequest(factsOf(intent, as));
  if (!conditionsHold(hook, { intent, as, request })) return undefined;
  return { hook, as, request };
}

function matchableOf({ state, registry }: WebhookTools, intent: Intent): Matchable {
  const { writing, operation, subresource, object, previous } = intent;
  const { resource } = writing;
  const namespace = namespaceOf(intent);
  const namespaces = state.resource(storagePrefix({ group: '', plural: 'namespaces' }));
  return {
    operation,
    subresource,
    resource,
    namespace,
    equivalents: equivalentsOf(registry(), resource),
    object,
    previous,
    namespaceLabels: () => namespaces.get(namespace)?.labels,
  };
}

/** A namespace is inside itself. */
function namespaceOf({ writing, name }: Intent): string {
  const { resource, request } = writing;
  const itself = resource.group === '' && resource.plural === 'namespaces';
  return itself ? name : request.namespace;
}

function factsOf(intent: Intent, as: ServedResource): ReviewFacts {
  const { resource } = intent.writing;
  const requestKind = intent.kind ?? resource;
  return {
    intent,
    as: { resource: as, kind: kindOf(intent.kind ?? as) },
    requestKind: kindOf(requestKind),
    namespace: namespaceOf(intent),
  };
}

function kindOf({ group, version, kind }: Pick<ServedResource, 'group' | 'version' | 'kind'>) {
  return { group, version, kind };
}

/** Objects as the webhook wants them. What a subresource speaks of has one version only. */
function shownAs(intent: Intent, as: ServedResource, object: Draft | undefined): Draft | undefined {
  const { resource } = intent.writing;
  if (!object || as === resource || intent.kind) return object;
  return convert(object, resource, as);
}

function convert(object: Draft, from: ServedResource, to: ServedResource): Draft {
  const stored = from.toStored ? from.toStored(copyOf(object)) : copyOf(object);
  const served = to.fromStored ? to.fromStored(stored) : stored;
  const apiVersion = to.group === '' ? to.version : `${to.group}/${to.version}`;
  return { ...served, apiVersion, kind: to.kind };
}

function conditionsHold(
  hook: Hook,
  { intent, as, request }: Omit<Question, 'hook'> & { readonly intent: Intent },
): boolean {
  if (hook.conditions.length === 0) return true;
  const { writing } = intent;
  const input = {
    object: shownAs(intent, as, intent.object),
    oldObject: shownAs(intent, as, intent.previous),
    request,
    user: writing.user,
    decide: decider(intent),
  };
  const problems: string[] = [];
  for (const condition of hook.conditions) {
    try {
      if (!condition.holds(input)) return false;
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (problems.length === 0) return true;
  if (hook.ignoresFailure) return false;
  const message = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
  throw forbidden(writing.resource, intent.name, message);
}

function decider({ writing: { access, user } }: Intent) {
  return ({ path, serviceAccount, ...about }: DecisionQuestion) => {
    const asker = serviceAccount
      ? {
          name: `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`,
          groups: [
            'system:serviceaccounts',
            `system:serviceaccounts:${serviceAccount.namespace}`,
            'system:authenticated',
          ],
        }
      : user;
    return access.authorizer.decide(
      path === undefined
        ? { type: 'resource', user: asker, ...about }
        : { type: 'path', user: asker, verb: about.verb, path },
    );
  };
}

type DecisionQuestion = Parameters<Parameters<Hook['conditions'][number]['holds']>[0]['decide']>[0];

/** Why a hook could not be asked. */
class CallFailure extends Error {
  constructor(hook: Hook, reason: string) {
    super(`failed calling webhook ${goQuote(hook.name)}: ${reason}`);
  }
}

/** Asks. @throws ApiError when it says no or must not be asked, CallFailure when there is no answer. */
async function ask(
  tools: WebhookTools,
  { hook, as, request }: Question,
  intent: Intent,
  mutating: boolean,
): Promise<ReviewAnswer> {
  const { writing } = intent;
  if (writing.options.dryRun && !hook.noSideEffects) {
    throw badRequest(`admission webhook ${goQuote(hook.name)} does not support dry run`);
  }
  const version = hook.versions.find((each) => each === 'v1' || each === 'v1beta1');
  if (version === undefined) {
    const known = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)';
    throw new CallFailure(hook, `could not create admission objects: ${known}`);
  }
  const uid = writing.random.uuid();
  const objects = {
    object: shownAs(intent, as, intent.object),
    previous: shownAs(intent, as, intent.previous),
  };
  const body = reviewBody(request, objects, { uid, version });
  const answer = await answerOf(tools, hook, { body, uid, version, mutating });
  for (const [key, value] of Object.entries(answer.annotations)) {
    writing.annotate(`${hook.name}/${key}`, value);
  }
  for (const warning of answer.warnings) {
    if (!writing.warnings.includes(warning)) writing.warnings.push(warning);
  }
  if (!answer.allowed) throw denial(hook.name, answer.status);
  return answer;
}

async function answerOf(
  { clients, closed }: WebhookTools,
  hook: Hook,
  {
    body,
    ...expected
  }: {
    readonly body: string;
    readonly uid: string;
    readonly version: string;
    readonly mutating: boolean;
  },
): Promise<ReviewAnswer> {
  let text: unknown;
  try {
    text = await clients.ask(hook.client, { body, timeoutMs: hook.timeoutMs }, closed);
  } catch (error) {
    throw new CallFailure(hook, `failed to call webhook: ${messageOf(error)}`);
  }
  try {
    return readReview(text, expected);
  } catch (error) {
    const what =
      error instanceof UndecodablePatch
        ? 'received undecodable patch in webhook response'
        : 'received invalid webhook response';
    throw new CallFailure(hook, `${what}: ${messageOf(error)}`);
  }
}

/** What a failure to ask means: nothing, where the hook says so. */
function failed(tools: WebhookTools, hook: Hook, error: unknown): void {
  if (!(error instanceof CallFailure)) throw error;
  if (!hook.ignoresFailure) throw internal(error.message);
  tools.log.warn('a webhook was not asked, and its configuration says to go on', {
    webhook: hook.name,
    error: error.message,
  });
}

async function checkAll(
  tools: WebhookTools,
  hooks: readonly Hook[],
  intent: Intent,
): Promise<void> {
  const questions = hooks.flatMap((hook) => questionOf(tools, hook, intent) ?? []);
  if (questions.length === 0) return;
  const failures: unknown[] = [];
  await Promise.all(
    questions.map(async (question) => {
      try {
        await ask(tools, question, intent, false);
      } catch (error) {
        try {
          failed(tools, question.hook, error);
          intent.writing.annotate(
            `failed-open.validating.webhook.admission.k8s.io/round_0_index_${question.hook.position}`,
            question.hook.name,
          );
        } catch (refused) {
          failures.push(refused);
        }
      }
    }),
  );
  if (failures.length > 0) throw failures[0];
}

/** One write on its way past the mutating webhooks: twice, when a webhook changed what earlier ones want to see again. */
class Mutation {
  readonly #tools: WebhookTools;
  readonly #inner: Required<Pick<Admission, 'mutate'>>;
  readonly #intent: Intent;
  readonly #askedBefore = new Set<string>();
  readonly #again = new Set<string>();
  #object: Draft | undefined;
  #changed = false;

  constructor(tools: WebhookTools, inner: Required<Pick<Admission, 'mutate'>>, intent: Intent) {
    this.#tools = tools;
    this.#inner = inner;
    this.#intent = intent;
    this.#object = intent.object;
  }

  async run(first: ReturnType<NonNullable<Admission['mutate']>>): Promise<Draft | undefined> {
    const begun = await first;
    this.#object = begun ?? this.#object;
    await this.#round(0);
    if (this.#changed) {
      const before = this.#object;
      const more = await this.#inner.mutate({ ...this.#intent, object: this.#object });
      if (more && !jsonEqual(more, before)) {
        this.#object = more;
        this.#require();
      }
      await this.#round(1);
    }
    return this.#object === this.#intent.object ? undefined : this.#object;
  }

  async #round(round: 0 | 1): Promise<void> {
    for (const hook of this.#tools.hooks.hooks('mutating')) {
      const intent = { ...this.#intent, object: this.#object };
      const question = questionOf(this.#tools, hook, intent);
      if (!question || (round === 1 && !this.#again.has(hook.id))) continue;
      let changed = false;
      try {
        changed = await this.#ask(question, intent, round);
      } catch (error) {
        failed(this.#tools, hook, error);
        this.#annotate('failed-open.mutation', round, hook, hook.name);
      }
      this.#annotate(
        'mutation',
        round,
        hook,
        JSON.stringify({ configuration: hook.configuration, webhook: hook.name, mutated: changed }),
      );
      if (changed) this.#require();
      if (hook.reinvoked) this.#askedBefore.add(hook.id);
    }
  }

  #annotate(what: string, round: number, hook: Hook, value: string): void {
    const key = `${what}.webhook.admission.k8s.io/round_${round}_index_${hook.position}`;
    this.#intent.writing.annotate(key, value);
  }

  /** Those who saw the object before this change see it again. */
  #require(): void {
    this.#changed = true;
    for (const id of this.#askedBefore) this.#again.add(id);
    this.#askedBefore.clear();
  }

  async #ask(question: Question, intent: Intent, round: number): Promise<boolean> {
    const { patch } = await ask(this.#tools, question, intent, true);
    if (!patch) return false;
    const { hook, as } = question;
    if (!this.#object) {
      throw internal(
        `admission webhook ${goQuote(hook.name)} attempted to modify the object, which is not supported for this operation`,
      );
    }
    const before = this.#object;
    const shown = shownAs(intent, as, before);
    const patched = patchedBy(shown, patch);
    const { resource } = intent.writing;
    const back = as === resource || intent.kind ? patched : convert(patched, as, resource);
    const next = intent.kind ? back : decoded(back, resource);
    this.#annotate(
      'patch',
      round,
      hook,
      JSON.stringify({
        configuration: hook.configuration,
        webhook: hook.name,
        patch,
        patchType: 'JSONPatch',
      }),
    );
    if (jsonEqual(next, before)) return false;
    this.#object = next;
    return true;
  }
}

/** @throws ApiError InternalError when the patch does not fit. */
function patchedBy(object: Draft | undefined, patch: readonly unknown[]): Draft {
  try {
    const patched = applyJsonPatch(copyOf(object), patch);
    // What was an object with metadata and is none now is refused here; options never had any.
    const needsMetadata = object !== undefined && 'metadata' in object;
    const whole = isJsonObject(patched) && (!needsMetadata || isJsonObject(patched['metadata']));
    if (whole) return copyOf(patched) as Draft;
  } catch (error) {
    throw internal(error instanceof ApiError ? error.message : messageOf(error));
  }
  throw internal('the patched object is no object with metadata');
}

/** As if the object had come from a client. @throws ApiError InternalError. */
function decoded(draft: Draft, resource: ServedResource): Draft {
  const problem = resource.body.decodeProblem(draft);
  if (problem !== undefined) throw internal(problem);
  resource.body.prune(draft);
  resource.body.fillDefaults(draft);
  resource.strategy.defaults?.(draft);
  return draft;
}
