#!/usr/bin/env node
// Starts the program on a Node that can run it: this one if it is new enough, else the one that npm brought along.
// Plain JavaScript: any Node can read it.
'use strict';

const needed = [24, 15];
const [major, minor] = process.versions.node.split('.').map(Number);
const enough = major > needed[0] || (major === needed[0] && minor >= needed[1]);

if (enough) {
  const { join } = require('node:path');
  const { homedir } = require('node:os');
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  require('node:module').enableCompileCache(join(cache, 'tweendeck', 'compiled'));
  import('../src/main.ts');
} else {
  let bundled;
  try {
    bundled = require.resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    process.stderr.write(
      `tweendeck needs Node ${needed.join('.')} or newer; this is ${process.versions.node}, and npm brought none for ` +
        `${process.platform}-${process.arch}. Install Node ${needed[0]}, or run "npm ci" without --omit=optional.\n`,
    );
    process.exit(1);
  }
  const { spawn } = require('node:child_process');
  const child = spawn(bundled, [__filename, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal);
    process.exit(code ?? 1);
  });
}
