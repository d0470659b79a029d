// The program's entry: reads the command line, runs one command, and says how it ended.

import { messageOf, PlatformError } from '@tweendeck/std';
import { type Ambient, ambient } from './ambient.ts';
import { helpOfAll, helpOfOne, parseCommandLine } from './command-line.ts';
import { commands } from './command-table.ts';

async function main(world: Ambient): Promise<number> {
  const parsed = parseCommandLine(commands, world.args);
  if (parsed.kind === 'help') {
    world.write(parsed.command ? helpOfOne(parsed.command) : helpOfAll(commands));
    return 0;
  }
  if (parsed.kind === 'version') {
    world.write(`tweendeck ${world.version}`);
    return 0;
  }
  const { run } = await parsed.command.load();
  return run({ world, options: parsed.options, operands: parsed.operands });
}

try {
  process.exitCode = await main(ambient);
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong, as a person can use it. Bugs show their stack. */
function report(error: unknown): number {
  if (ambient.signal.aborted) return 130;
  if (error instanceof PlatformError) {
    ambient.writeError(`tweendeck: ${messageOf(error)} (${error.code})`);
    if (error.hint) ambient.writeError(`  ${error.hint}`);
    return error.code === 'CLI_USAGE' ? 2 : 1;
  }
  if (error instanceof Error && error.name === 'ApiError') {
    ambient.writeError(`tweendeck: the API server says: ${error.message}`);
    return 1;
  }
  ambient.writeError(
    `tweendeck: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return 70;
}
