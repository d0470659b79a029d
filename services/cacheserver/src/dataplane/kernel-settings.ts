// Settings of the kernel that decide how fast large values travel: as they are for this process, whoever asked for what.

import { readFileSync } from 'node:fs';

/** What is read back, by the name of `sysctl`. */
export const kernelNames = [
  'net.ipv4.tcp_sack',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
  'net.ipv4.tcp_mem',
] as const;

/** A setting that is not shown here, such as one of the whole node inside a pod, is not in it. */
export function kernelSettings(
  read: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const name of kernelNames) {
    try {
      settings[name] = plainValue(read(`/proc/sys/${name.replaceAll('.', '/')}`));
    } catch {
      // not shown here
    }
  }
  return settings;
}

/** Numbers with one blank between them. */
export function plainValue(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}
