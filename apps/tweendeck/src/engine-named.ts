// Finds the engine that a person means.

import type { EngineModule } from '@tweendeck/engine';
import { PlatformError } from '@tweendeck/std';
import { platformEngines } from './platform.ts';

/** By kind, plural, singular or short name. Throws CLI_NO_ENGINE. */
export function engineNamed(word: string): EngineModule {
  const wanted = word.toLowerCase();
  const found = platformEngines.find(({ kind }) => {
    const { names } = kind.crd().spec;
    const words = [names.kind, names.plural, names.singular ?? '', ...(names.shortNames ?? [])];
    return words.some((one) => one.toLowerCase() === wanted);
  });
  if (found) return found;
  const kinds = platformEngines.map(({ kind }) => kind.kind).join(', ');
  throw new PlatformError('CLI_NO_ENGINE', `"${word}" is no kind of middleware cluster`, {
    hint: `There is ${kinds}.`,
  });
}
