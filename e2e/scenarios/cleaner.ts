// The cleaner at work: what it removes, what it reports, and who can trust the report.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isSignedBy, signatureHeader } from '@tweendeck/cacheserver';
import { secretResource } from '@tweendeck/kube';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { unityLoad } from './unity.ts';

export const cleanerRun: Scenario = {
  name: 'the cleaner empties all replicas and posts a signed report, in spite of a webhook in trouble',
  notApplicable: ({ webhookHost }) =>
    webhookHost === undefined ? 'no webhook of a test can be reached from pods' : undefined,
  play: async (stage) => {
    const host = stage.home.webhookHost ?? '';
    await using hook = await openWebhook(host);
    const webhook = `http://${host}:${hook.port}/reports`;
    await stage.apply('cache', { replicas: 2, cleaner: { webhook, maxBytes: 0 } });
    const { host: at, port } = await stage.home.addressOf(await stage.untilReady('cache'));
    const key = await signingKey(stage);
    await unityLoad({ builds: 50, assets: 3 }).fill(at, port);
    await stage.kubectl(['create', 'job', 'now', '--from=cronjob/cache-cleaner']);
    const got = await stage.until('a report came', async () => hook.taken.at(0));
    assert.equal(hook.refused, 2, 'the first attempts were answered 500');
    const { body, headers } = got;
    const signature = String(headers[signatureHeader]);
    const age = { nowMs: Date.now(), ageMaxMs: 300_000 };
    assert.ok(isSignedBy({ body, signature }, key, age), signature);
    const report = JSON.parse(body);
    assert.deepEqual(
      [report.outcome, report.objects, report.replicas.length, report.cacheServer.name],
      ['cleaned', 53, 2, 'cache'],
      body,
    );
    const told = await stage.until('the status tells of it', async () => {
      const { status } = await stage.cache('cache');
      return status?.lastClean?.objects === 53 && status;
    });
    assert.equal(told.objects, 0);
    // By hand, with the token of the Secret.
    const byHand = await stage.tweendeck(['cache', 'clean', '--cache', 'cache', '-o', 'json']);
    assert.equal(Object.keys(JSON.parse(byHand)).length, 2, byHand);
  },
};

/** Of the Secret that the platform made. */
async function signingKey(stage: Stage): Promise<string> {
  const ref = stage.ref('cache-control');
  const secret = await stage.client.get(secretResource, ref, stage.signal);
  const key = Buffer.from(secret?.data?.['key'] ?? '', 'base64').toString('utf8');
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.notEqual(secret?.data?.['key'], secret?.data?.['token']);
  return key;
}

interface Taken {
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

interface Webhook extends AsyncDisposable {
  readonly port: number;
  readonly taken: readonly Taken[];
  /** How often it was in trouble. */
  readonly refused: number;
}

/** Answers 500 twice, and takes what comes then. */
async function openWebhook(host: string): Promise<Webhook> {
  const taken: Taken[] = [];
  let refused = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const inTrouble = refused < 2;
      if (inTrouble) refused++;
      else taken.push({ body, headers: request.headers });
      response.writeHead(inTrouble ? 500 : 204).end();
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    taken,
    get refused() {
      return refused;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
