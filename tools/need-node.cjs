// Ends with a clear error when the running Node is too old. Plain JavaScript: any Node can read it.
const needed = [24, 15];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    `Tweendeck needs Node ${needed.join('.')} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'On Linux (x64 and arm64) "npm ci" brings it as an optional dependency and "npm run" uses it;\n' +
      `here it is missing (${process.platform}-${process.arch}). Install Node ${needed[0]} from nodejs.org, or run "npm ci" without --omit=optional.\n`,
  );
  process.exit(1);
}
