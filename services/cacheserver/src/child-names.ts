// Names of what a CacheServer is made of besides what has its own. Pure.

import { createHash } from 'node:crypto';

export function entryName(name: string): string {
  return childName(name, '-entry');
}

/** The Service that lists the replicas. */
export function replicasName(name: string): string {
  return childName(name, '-replicas');
}

/** The service account of those who follow the replicas, entry and cleaner, with its role. */
export function followerName(name: string): string {
  return childName(name, '-follower');
}

/** The Secret with what replicas and cleaner alone know. */
export function controlName(name: string): string {
  return childName(name, '-control');
}

/** The CronJob. Names of Jobs are longer by 11. */
export function cleanerName(name: string): string {
  return childName(name, '-cleaner', 52);
}

/** The ConfigMap with what data planes are told beside their options. */
export function rulesName(name: string): string {
  return childName(name, '-rules');
}

/** Of a long name the end gives way to a digest of the whole. */
function childName(name: string, suffix: string, lengthMax = 63): string {
  const whole = `${name}${suffix}`;
  if (whole.length <= lengthMax) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, lengthMax - 1 - suffix.length - digest.length)}-${digest}${suffix}`;
}
