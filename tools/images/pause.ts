// The image whose one process holds the namespaces of a pod: built from Go, since nothing else is as small and static.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nonroot, type Recipe } from './recipe.ts';

const source = join(import.meta.dirname, 'pause');

/** `directory` keeps the program from one build to the next. */
export function pauseRecipe(directory: string): Recipe {
  const file = buildPause(directory);
  return {
    names: ['tweendeck.io/pause:1'],
    layers: [
      {
        what: 'pause',
        entries: [{ kind: 'file', path: '/pause', mode: 0o755, content: { file } }],
      },
    ],
    defaults: { user: nonroot.user, entrypoint: ['/pause'] },
  };
}

/** Go's own cache makes this a fraction of a second when nothing changed. */
function buildPause(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const fresh = mkdtempSync(join(directory, '.new-'));
  try {
    const built = join(fresh, 'pause');
    const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid='];
    const { status, error, stderr } = spawnSync('go', ['build', ...flags, '-o', built, '.'], {
      cwd: source,
      encoding: 'utf8',
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GOTOOLCHAIN: 'local' },
    });
    if (error) {
      throw new Error(
        'the pause image needs Go 1.24 or newer; "npm run doctor" says how to get it',
        {
          cause: error,
        },
      );
    }
    if (status !== 0) throw new Error(`go build of pause: ${stderr.trim()}`);
    const file = join(directory, 'pause');
    renameSync(built, file);
    return file;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
