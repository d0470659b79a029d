// Installs Debian packages, without starting the daemons that come with them.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** True when all are installed. Says why not on standard error: it works as root on Debian only. */
export function installDebianPackages(names: readonly string[]): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    process.stderr.write(
      '--install works as root on Debian only; install the missing ones by hand.\n',
    );
    return false;
  }
  // Debian starts the daemons of fresh packages; a policy file of our own for the time of the install says no.
  const policy = '/usr/sbin/policy-rc.d';
  const guard = existsSync(policy)
    ? ''
    : `trap 'rm -f ${policy}' EXIT; printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod 755 ${policy};`;
  const install = `apt-get install -q -y --no-install-recommends ${names.join(' ')}`;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const script = `set -e; ${guard} apt-get update -q; ${install}`;
  return spawnSync('sh', ['-c', script], { stdio: 'inherit', env }).status === 0;
}
