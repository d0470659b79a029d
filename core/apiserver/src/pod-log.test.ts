import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PodLogOptions } from './pod-log.ts';
import { TestServer } from './testing/test-server.ts';

const pods = '/api/v1/namespaces/default/pods';
const none = {
  container: 'main',
  follow: false,
  previous: false,
  timestamps: false,
  tailLines: undefined,
  sinceSeconds: undefined,
  sinceTime: undefined,
  limitBytes: undefined,
};

describe('logs of pods', () => {
  let server: TestServer;
  let asked: PodLogOptions | undefined;
  before(async () => {
    server = await TestServer.open({
      podLogs: async (_, options) => {
        asked = options;
        return (async function* () {
          yield Buffer.from('a line\n');
        })();
      },
    });
    for (const [name, names] of [
      ['one', ['main']],
      ['two', ['a', 'b']],
    ] as const) {
      const containers = names.map((each) => ({ name: each, image: 'x' }));
      const initContainers = [{ name: 'init', image: 'x' }];
      const spec = { nodeName: 'here', containers, initContainers };
      const { status, text } = await server.create(pods, { metadata: { name }, spec });
      assert.equal(status, 201, text);
    }
  });
  after(() => server[Symbol.asyncDispose]());

  for (const { query, options } of [
    { query: '', options: none },
    { query: 'container=init', options: { ...none, container: 'init' } },
    {
      query: 'follow=true&previous=1&timestamps=t',
      options: { ...none, follow: true, previous: true, timestamps: true },
    },
    { query: 'follow=false&previous=0', options: none },
    { query: 'tailLines=0&limitBytes=1', options: { ...none, tailLines: 0, limitBytes: 1 } },
    { query: 'sinceSeconds=5', options: { ...none, sinceSeconds: 5 } },
    {
      query: 'sinceTime=2026-01-02T03:04:05.6%2B01:00',
      options: { ...none, sinceTime: '2026-01-02T02:04:05Z' },
    },
    { query: 'insecureSkipTLSVerifyBackend=true&pretty=true', options: none },
  ]) {
    test(`?${query} is understood`, async () => {
      const { status, text, headers } = await server.get(`${pods}/one/log?${query}`);
      assert.deepEqual([status, text, headers['content-type']], [200, 'a line\n', 'text/plain']);
      assert.deepEqual(asked, options);
    });
  }

  const invalid = 'PodLogOptions "one" is invalid: ';
  for (const { path, code, message } of [
    {
      path: 'one/log?tailLines=-1',
      code: 422,
      message: `${invalid}tailLines: Invalid value: -1: must be greater than or equal to 0`,
    },
    {
      path: 'one/log?limitBytes=0',
      code: 422,
      message: `${invalid}limitBytes: Invalid value: 0: must be greater than 0`,
    },
    {
      path: 'one/log?sinceSeconds=0',
      code: 422,
      message: `${invalid}sinceSeconds: Invalid value: 0: must be greater than 0`,
    },
    {
      path: 'one/log?sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z',
      code: 422,
      message: `${invalid}[]: Forbidden: at most one of \`sinceTime\` or \`sinceSeconds\` may be specified`,
    },
    {
      path: 'one/log?stream=Stdout',
      code: 422,
      message: `${invalid}stream: Forbidden: may not be specified`,
    },
    {
      path: 'one/log?tailLines=-1&limitBytes=-2',
      code: 422,
      message: `${invalid}[tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: -2: must be greater than 0]`,
    },
    {
      path: 'one/log?tailLines=many',
      code: 400,
      message: 'strconv.ParseInt: parsing "many": invalid syntax',
    },
    {
      path: 'one/log?tailLines=99999999999999999999',
      code: 400,
      message: 'strconv.ParseInt: parsing "99999999999999999999": value out of range',
    },
    {
      path: 'one/log?sinceTime=today',
      code: 400,
      message:
        'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
    },
    {
      path: 'one/log?sinceTime=2026-01-02',
      code: 400,
      message: 'parsing time "2026-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"',
    },
    {
      path: 'two/log',
      code: 400,
      message: 'a container name must be specified for pod two, choose one of: [init a b]',
    },
    { path: 'two/log?container=c', code: 400, message: 'container c is not valid for pod two' },
    { path: 'none/log', code: 404, message: 'pods "none" not found' },
  ]) {
    test(`${path} is refused`, async () => {
      const { status, json } = await server.get(`${pods}/${path}`);
      assert.deepEqual([status, json.message], [code, message]);
    });
  }
});
