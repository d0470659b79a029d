// What the document says of a server that is connected to: its address, and what is spoken there.

import { resolve } from 'node:path';
import type { FarCache, FarTls } from '../client/far-cache.ts';
import type { ConfigFields, ConfigNode } from './config-reader.ts';
import { readAddress } from './listener-config.ts';

/** Reads `HOST:PORT` alone, or a mapping with `address`. */
export function readFarCache(item: ConfigNode, directory: string): FarCache {
  if (typeof item.value === 'string') return readAddress(item, 8_126);
  const fields = item.fields();
  const far = readFarFields(fields, directory);
  fields.end();
  return far;
}

/** `address`, `tls` and `tokenFile` of a section. */
export function readFarFields(fields: ConfigFields, directory: string): FarCache {
  const address = readAddress(
    fields.get('address') ?? fields.node.child('address', undefined),
    8_126,
  );
  const tokenFile = fields.text('tokenFile');
  const tls = fields.section('tls', (section) => readFarTls(section, directory));
  if (tls === undefined && tokenFile !== undefined) {
    fields.node
      .child('tokenFile', undefined)
      .fail('the token would travel in the clear', 'Say "tls" as well, or leave it out.');
  }
  if (tls === undefined) return address;
  const token = tokenFile === undefined ? {} : { tokenFile: resolve(directory, tokenFile) };
  return { ...address, tls: { ...tls, ...token } };
}

/** The files and the name of one section. */
export function readFarTls(fields: ConfigFields, directory: string): FarTls {
  const file = (key: string): string | undefined => {
    const path = fields.text(key);
    return path === undefined ? undefined : resolve(directory, path);
  };
  const certificateFile = file('certificate');
  const keyFile = file('key');
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    fields.node.fail(
      'has a certificate without its key, or the other way round',
      'Name both files, or neither.',
    );
  }
  return { caFile: file('ca'), certificateFile, keyFile, serverName: fields.text('serverName') };
}
