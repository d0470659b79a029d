// The real kubectl against the embedded home: on CacheServer and on its children.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';
import { type KubectlVersion, kubectlProgram } from './support/kubectl.ts';

const versions: readonly KubectlVersion[] = ['1.32', '1.35'];

const manifest = (name: string): string => `
apiVersion: tweendeck.io/v1alpha1
kind: CacheServer
metadata:
  name: ${name}
spec:
  storage: 1000000000
  resources:
    limits: {cpu: 100m, memory: 128Mi}
`;

for (const version of versions) {
  test(`kubectl ${version} drives a CacheServer and its children`, async (context) => {
    await using home = await TestHome.open();
    const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
      const outcome = await home.kubectl(version, args, input);
      assert.equal(outcome.code, 0, `kubectl ${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout;
    };

    await context.test('version and api-resources', async () => {
      assert.match(await kubectl(['version']), /Server Version: v1\.34/);
      const kinds = await kubectl(['api-resources']);
      assert.match(kinds, /cacheservers\s+\S*\s*tweendeck\.io\/v1alpha1\s+true\s+CacheServer/);
      assert.match(kinds, /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/);
    });

    await context.test('explain', async () => {
      const text = await kubectl(['explain', 'cacheserver.spec']);
      for (const field of [
        'storage',
        'image',
        'resources',
        'cleaner',
        'tolerations',
        'nodeSelector',
        'imagePullSecrets',
        'replicas',
        'port',
      ]) {
        assert.match(text, new RegExp(`^\\s+${field}\\s`, 'm'), field);
      }
      assert.match(await kubectl(['explain', 'cacheserver.spec.cleaner.webhook']), /<string>/);
      assert.match(await kubectl(['explain', 'deployment.spec.replicas']), /<integer>/);
    });

    const watching = watch(home, version, ['get', 'cacheservers', '-w']);
    await context.test('apply creates, and applying again changes nothing', async () => {
      assert.match(
        await kubectl(['apply', '-f', '-'], manifest('one')),
        /cacheserver.tweendeck.io\/one created/,
      );
      assert.match(await kubectl(['apply', '-f', '-'], manifest('one')), /unchanged/);
    });

    await context.test('apply changes what is there', async () => {
      const labelled = (labels: string) =>
        manifest('other').replace('name: other', `name: other\n  labels: ${labels}`);
      await kubectl(['apply', '-f', '-'], labelled('{tier: a}'));
      assert.match(await kubectl(['apply', '-f', '-'], labelled('{tier: b}')), /configured/);
      const path = 'jsonpath={.metadata.labels.tier}';
      assert.equal(await kubectl(['get', 'cacheserver', 'other', '-o', path]), 'b');
      await kubectl(['delete', 'cacheserver', 'other']);
    });

    await context.test('wait until it is Ready', async () => {
      await kubectl(['wait', '--for=condition=Ready', 'cacheserver/one', '--timeout=60s']);
      assert.equal(
        await kubectl(['get', 'cacheserver', 'one', '-o', 'jsonpath={.status.phase}']),
        'Ready',
      );
    });

    await context.test('get shows columns, and get -w showed the way to Ready', async () => {
      const table = await kubectl(['get', 'cacheservers']);
      assert.match(table, /^NAME\s+PHASE\s+.*AGE/);
      assert.match(table, /^one\s+Ready\s/m);
      assert.match(
        await kubectl(['get', 'pods', '-o', 'wide']),
        /^one-\S+\s+1\/1\s+Running\s+0\s/m,
      );
      assert.match(
        await kubectl(['get', 'deploy,rs,svc,endpointslices,events']),
        /deployment.apps\/one\s+1\/1/,
      );
      await until('the watch showed Ready', async () =>
        watching.lines.some((line) => /^one\s+Ready/.test(line)),
      );
      watching.stop();
    });

    await context.test('describe tells what it is and what happened', async () => {
      assert.match(
        await kubectl(['describe', 'cacheserver', 'one']),
        /Phase:\s+Ready[\s\S]*Events:/,
      );
      assert.match(
        await kubectl(['describe', 'deployment', 'one']),
        /Replicas:\s+1 desired \| 1 updated \| 1 total \| 1 available/,
      );
      const pod = await kubectl(['describe', 'pods']);
      assert.match(pod, /QoS Class:\s+Guaranteed/);
      assert.match(pod, /Started/);
      assert.match(await kubectl(['describe', 'service', 'one']), /Endpoints:\s+127\./);
      assert.match(await kubectl(['describe', 'nodes']), /Ready\s+True/);
    });

    await context.test('logs, and logs -f until the pod is gone', async () => {
      const pod = (await kubectl(['get', 'pods', '-o', 'name'])).trim();
      assert.match(await kubectl(['logs', pod]), /"message":/);
      assert.equal((await kubectl(['logs', pod, '--tail=1'])).trim().split('\n').length, 1);
      const following = watch(home, version, ['logs', '-f', pod]);
      await until('the followed log has begun', async () => following.lines.length > 0);
      await kubectl(['delete', pod, '--wait=false']);
      await following.ended;
      await kubectl(['wait', '--for=condition=Ready', 'cacheserver/one', '--timeout=60s']);
    });

    await context.test('scale up and down through the scale subresource', async () => {
      await kubectl(['scale', 'cacheserver', 'one', '--replicas=2']);
      await until(
        'two replicas are ready',
        async () =>
          (await kubectl([
            'get',
            'cacheserver',
            'one',
            '-o',
            'jsonpath={.status.readyReplicas}',
          ])) === '2',
        60_000,
      );
      await kubectl(['scale', 'cacheserver', 'one', '--replicas=1', '--current-replicas=2']);
      await until(
        'one pod is left',
        async () => (await kubectl(['get', 'pods', '-o', 'name'])).trim().split('\n').length === 1,
        60_000,
      );
      const wrong = await home.kubectl(version, [
        'scale',
        'cacheserver',
        'one',
        '--replicas=3',
        '--current-replicas=7',
      ]);
      assert.notEqual(wrong.code, 0);
    });

    await context.test(
      'patches of an edit: merge and JSON; strategic is for built-in kinds',
      async () => {
        await kubectl([
          'patch',
          'cacheserver',
          'one',
          '--type=merge',
          '-p',
          '{"spec":{"port":9126}}',
        ]);
        await kubectl([
          'patch',
          'cacheserver',
          'one',
          '--type=json',
          '-p',
          '[{"op":"add","path":"/metadata/labels","value":{"team":"a"}}]',
        ]);
        await until(
          'the Service follows',
          async () =>
            (await kubectl(['get', 'svc', 'one', '-o', 'jsonpath={.spec.ports[0].port}'])) ===
            '9126',
        );
        assert.match(await kubectl(['get', 'cacheservers', '-l', 'team=a', '-o', 'name']), /one/);
        const refused = await home.kubectl(version, [
          'patch',
          'cacheserver',
          'one',
          '--type=strategic',
          '-p',
          '{}',
        ]);
        assert.match(refused.stderr, /UnsupportedMediaType|not supported|415/i);
        await kubectl([
          'patch',
          'deployment',
          'one',
          '-p',
          '{"spec":{"template":{"metadata":{"annotations":{"note":"x"}}}}}',
        ]);
      },
    );

    await context.test('edit works as a person would use it', async () => {
      const editor = `${home.directory}/editor.sh`;
      const { writeFile } = await import('node:fs/promises');
      await writeFile(editor, '#!/bin/sh\nsed -i "s/port: 9126/port: 9127/" "$1"\n', {
        mode: 0o700,
      });
      const { runProgram } = await import('./support/kubectl.ts');
      const edited = await runProgram(kubectlProgram(version), ['edit', 'cacheserver', 'one'], {
        environment: { KUBECONFIG: home.kubeconfig, HOME: home.directory, KUBE_EDITOR: editor },
      });
      assert.equal(edited.code, 0, edited.stderr);
      assert.equal(
        await kubectl(['get', 'cacheserver', 'one', '-o', 'jsonpath={.spec.port}']),
        '9127',
      );
    });

    await context.test(
      'server-side apply reports conflicts, and force takes fields over',
      async () => {
        const other = manifest('one').replace('1000000000', '2000000000');
        const refused = await home.kubectl(
          version,
          ['apply', '--server-side', '--field-manager=rival', '-f', '-'],
          other,
        );
        assert.match(refused.stderr, /conflict/i);
        await kubectl(
          ['apply', '--server-side', '--field-manager=rival', '--force-conflicts', '-f', '-'],
          other,
        );
        assert.equal(
          await kubectl(['get', 'cacheserver', 'one', '-o', 'jsonpath={.spec.storage}']),
          '2000000000',
        );
      },
    );

    await context.test('rollout status, restart, history and undo of a child', async () => {
      await kubectl(['rollout', 'status', 'deployment/one', '--timeout=60s']);
      await kubectl(['rollout', 'restart', 'deployment/one']);
      await kubectl(['rollout', 'status', 'deployment/one', '--timeout=60s']);
      assert.match(await kubectl(['rollout', 'history', 'deployment/one']), /REVISION/);
    });

    await context.test('create forms that send protobuf', async () => {
      await kubectl(['create', 'configmap', 'settings', '--from-literal=a=1']);
      assert.equal(
        await kubectl(['get', 'configmap', 'settings', '-o', 'jsonpath={.data.a}']),
        '1',
      );
      await kubectl(['create', 'secret', 'generic', 'password', '--from-literal=p=secret']);
      await kubectl(['create', 'namespace', 'team-a']);
      await kubectl([
        'create',
        'deployment',
        'shell',
        '--image=busybox',
        '--replicas=1',
        '--',
        'sh',
        '-c',
        'echo hello; sleep 1000',
      ]);
      await kubectl(['rollout', 'status', 'deployment/shell', '--timeout=60s']);
      assert.match(await kubectl(['logs', 'deployment/shell']), /hello/);
      await kubectl(['delete', 'deployment', 'shell']);
    });

    await context.test('delete takes the children along, and --wait sees it through', async () => {
      await kubectl(['delete', 'cacheserver', 'one', '--timeout=60s']);
      await until(
        'no child is left',
        async () =>
          (await kubectl([
            'get',
            'deploy,rs,pods,svc',
            '-l',
            'app.kubernetes.io/instance=one',
            '-o',
            'name',
          ])) === '',
        60_000,
      );
      await kubectl(['wait', '--for=delete', 'cacheserver/one', '--timeout=30s']);
      assert.deepEqual(await home.podProcesses(), []);
    });

    await context.test('a namespace is emptied and goes', async () => {
      await kubectl(['apply', '-n', 'team-a', '-f', '-'], manifest('two'));
      await kubectl(['delete', 'namespace', 'team-a', '--timeout=90s']);
      const gone = await home.kubectl(version, ['get', 'cacheservers', '-n', 'team-a']);
      assert.match(gone.stderr, /No resources found/);
    });
  });
}

/** A kubectl that goes on: its lines so far, and its end. */
function watch(home: TestHome, version: KubectlVersion, args: readonly string[]) {
  const child = spawn(kubectlProgram(version), args, {
    env: { ...process.env, KUBECONFIG: home.kubeconfig, HOME: home.directory },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return { lines, ended, stop: () => child.kill() };
}
