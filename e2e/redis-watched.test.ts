// What operators see of a RedisCluster in the embedded home: figures, an exporter beside it, and what would be done next.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePort, TestHome, until } from './support/home.ts';
import { promtool } from './support/promtool.ts';

const kubectl = '1.35';
const patienceMs = 120_000;
const openMetrics = 'application/openmetrics-text; version=1.0.0';

function manifest(spec: object): string {
  const metadata = { name: 'shop' };
  const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster', metadata };
  return JSON.stringify({ ...object, spec });
}

async function read(url: string, accept = ''): Promise<string> {
  const response = await fetch(url, { headers: { accept } });
  assert.equal(response.status, 200, url);
  return response.text();
}

test('a RedisCluster is watched', { timeout: 300_000 }, async (context) => {
  const address = `127.0.0.1:${await freePort()}`;
  const figures = `http://${address}/metrics`;
  await using home = await TestHome.open({ args: [`--metrics-bind-address=${address}`] });
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl(kubectl, args, input);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
  const get = async (...what: readonly string[]): Promise<any> =>
    JSON.parse(await must(['get', ...what, '-o', 'json']));
  const settled = () =>
    until(
      'all members take part',
      async () => (await get('rc', 'shop')).status?.phase === 'Ready',
      patienceMs,
    );
  /** All but what is said of it, which goes on. */
  const declared = async (): Promise<readonly unknown[]> =>
    (await get('rc,pods,sts,svc,pdb,secrets,cm')).items.map(
      // biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
      ({ kind, metadata: { name, uid, generation, labels, annotations }, spec, data }: any) => [
        ...[kind, name, uid, generation, labels, annotations, spec, data],
      ],
    );
  const plan = (spec: object, ...args: readonly string[]) =>
    home.tweendeck(['plan', '-f', '-', '--exit-code', ...args], manifest(spec));

  await context.test('before it is there it is told what would be made', async () => {
    const { code, stdout, stderr } = await plan({});
    assert.equal(code, 3, stderr);
    assert.match(stdout, /^RedisCluster default\/shop \(Pending\)\n/);
    assert.match(stdout, /\n {2}\+ StatefulSet shop-data-2-1\n/);
    assert.deepEqual((await get('rc')).items, []);
    await must(['apply', '-f', '-'], manifest({}));
    await settled();
  });

  await context.test('its figures are told, as Prometheus reads them', async () => {
    const of = 'kind="RedisCluster",namespace="default",name="shop"';
    const text = await until(
      'all of them are there',
      async () => {
        const told = await read(figures);
        const isUp = (told.match(/^tweendeck_member_up\{.*\} 1$/gm) ?? []).length === 6;
        return isUp && told.includes(`tweendeck_redis_writable{${of}} 1\n`) && told;
      },
      patienceMs,
    );
    for (const line of [
      `tweendeck_cluster_phase{${of},phase="Ready"} 1`,
      `tweendeck_cluster_members_wanted{${of},group="data"} 6`,
      `tweendeck_cluster_members_ready{${of},group="data",role="leader"} 3`,
      `tweendeck_redis_cluster_slots_missing{${of}} 0`,
      `tweendeck_redis_replication_lag_bytes{${of},member="shop-data-0-`,
      `tweendeck_redis_memory_used_bytes{${of},member="shop-data-0-0"} `,
    ]) {
      assert.ok(text.includes(line), `${line} is not in\n${text}`);
    }
    const own = text.split('\n').filter((line) => /^(# [A-Z]+ )?tweendeck_/.test(line));
    promtool(
      ['check', 'metrics'],
      `${own.filter((line) => !line.includes('build_info')).join('\n')}\n`,
    );
    assert.match(await read(figures, openMetrics), /\n# EOF\n$/);
  });

  await context.test("Debian's exporter reads a member with its password", async () => {
    const { data } = await get('secret', 'shop-auth');
    const [pod] = (await get('pods', '-l', 'app.kubernetes.io/instance=shop')).items;
    await using exporter = await Exporter.start(Buffer.from(data.password, 'base64').toString());
    const text = await exporter.scrape(`redis://${pod.status.podIP}:6379`);
    assert.match(text, /^redis_up 1$/m);
    assert.match(text, /^redis_cluster_enabled 1$/m);
  });

  await context.test('it is told what would be done, and nothing is', async () => {
    const before = await declared();
    const idle = await home.tweendeck(['plan', 'rc', 'shop', '--exit-code']);
    assert.deepEqual(
      [idle.code, idle.stdout],
      [0, 'RedisCluster default/shop (Ready): nothing is to be done\n'],
    );
    const changed = await plan({ restart: 'once', config: { timeout: 60 } }, '-o', 'json');
    assert.equal(changed.code, 3, changed.stderr);
    const [run] = JSON.parse(changed.stdout);
    assert.equal(run.restarts.length, 6);
    // biome-ignore lint/suspicious/noExplicitAny: tests look into what is there.
    const ids = run.steps.map(({ id }: any) => id);
    assert.equal(ids.filter((id: string) => id.startsWith('set timeout on ')).length, 6);
    const wider = await plan({ groups: { data: { shards: 4 } } });
    assert.match(wider.stdout, /\n {2}\+ StatefulSet shop-data-3-1\n/);
    assert.match(wider.stdout, /: follow shop-data-3-0 with shop-data-3-1 \[safe/);
    assert.match(wider.stdout, /: move slots from shop-data-1-0 to shop-data-3-0 \[disruptive/);
    const refused = await plan({ groups: { data: { shards: 2 } } });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /spec\.groups\.data\.shards/);
    assert.deepEqual(await declared(), before);
  });

  await context.test('of a cluster that is gone nothing is told', async () => {
    await must(['delete', 'rc', 'shop']);
    await until(
      'its figures are gone',
      async () => !(await read(figures)).includes('name="shop"'),
      patienceMs,
    );
  });
});

/** prometheus-redis-exporter on an address of its own; the password is in its environment, where nobody else reads it. */
class Exporter implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #address: string;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.#address = address;
  }

  static async start(password: string): Promise<Exporter> {
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      'prometheus-redis-exporter',
      ['-redis.addr=', `-web.listen-address=${address}`],
      { env: { ...process.env, REDIS_PASSWORD: password }, stdio: 'ignore' },
    );
    const exporter = new Exporter(child, address);
    const failed = once(child, 'error').then(([cause]: unknown[]) => {
      throw new Error(
        'prometheus-redis-exporter is missing: "npm run doctor -- --install" installs it',
        { cause },
      );
    });
    await Promise.race([failed, once(child, 'spawn')]);
    return exporter;
  }

  scrape(target: string): Promise<string> {
    const url = `http://${this.#address}/scrape?target=${encodeURIComponent(target)}`;
    return until('the exporter answers', () => read(url), patienceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    if (this.#child.kill()) await exited;
  }
}
