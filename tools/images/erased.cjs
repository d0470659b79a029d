// Stands in the image beside the program, whose types were erased when the image was built: tells Node to take the
// TypeScript files there as they are. Reading types anew at every start would cost more than all the rest of it.
'use strict';

const { readFileSync } = require('node:fs');
const { registerHooks } = require('node:module');
const { fileURLToPath, pathToFileURL } = require('node:url');

const own = pathToFileURL(`${__dirname}/`).href;

registerHooks({
  load(url, context, nextLoad) {
    const erased = url.startsWith(own) && url.endsWith('.ts');
    if (!erased) return nextLoad(url, context);
    return { format: 'module', source: readFileSync(fileURLToPath(url)), shortCircuit: true };
  },
});
