// `tweendeck cache lookup`, `why`, `purge`, `clean`: what a person asks of the status port of a cache.

import { stringify } from 'yaml';
import { askCaches, type StatusAnswers, type StatusRequest, tokenBody } from '../cache-status.ts';
import { type Invocation, usage } from '../command-line.ts';

/** Some cache has what was asked for: 0; none has: as a miss of `cache get`. */
const missed = 3;

export async function lookup(invocation: Invocation): Promise<number> {
  const [guid, hash] = invocation.operands;
  const answers = await ask(invocation, {
    method: 'GET',
    path: '/control/lookup',
    query: { guid, hash },
  });
  const found = Object.values(answers).some(({ count }) => typeof count === 'number' && count > 0);
  return found ? 0 : missed;
}

export async function why(invocation: Invocation): Promise<number> {
  const [guid, hash] = invocation.operands;
  await ask(invocation, { method: 'GET', path: '/control/why', query: { guid, hash } });
  return 0;
}

export async function purge(invocation: Invocation): Promise<number> {
  const { options, operands } = invocation;
  const [guid, hash] = operands;
  const all = options.flag('all');
  if (all === (guid !== undefined)) throw usage('name a GUID, a GUID and a hash, or --all');
  const query = all ? { all: 'true' } : { guid, hash };
  const body = await tokenBody(options);
  await ask(invocation, { method: 'POST', path: '/control/purge', query, body });
  return 0;
}

export async function clean(invocation: Invocation): Promise<number> {
  const { options } = invocation;
  const query = { dryRun: options.flag('dry-run') ? 'true' : undefined };
  const body = await tokenBody(options);
  await ask(invocation, { method: 'POST', path: '/control/clean', query, body });
  return 0;
}

/** Prints what each answered. */
async function ask({ world, options }: Invocation, request: StatusRequest): Promise<StatusAnswers> {
  const form = options.choice('output', ['json'] as const);
  const namespace = options.text('cache-namespace');
  const name = options.text('cache');
  if (name === undefined && options.text('url') === undefined) {
    throw usage('say which cache with --cache NAME or --url URL');
  }
  const whole = { ...request, query: { ...request.query, namespace } };
  const answers = await askCaches({ world, options, name }, whole);
  const text =
    form === 'json' ? JSON.stringify(answers, undefined, 2) : stringify(answers).trimEnd();
  world.write(Object.keys(answers).length === 0 ? 'No running cache servers.' : text);
  return answers;
}
