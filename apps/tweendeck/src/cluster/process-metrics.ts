// Figures of this process, under the names that Prometheus' client libraries made known.

import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '@tweendeck/controller';

/** Adds them to every exposition until disposed. */
export function measureProcess(
  metrics: Metrics,
  { version }: { readonly version: string },
): Disposable {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const startSeconds = performance.timeOrigin / 1_000;
  const [major = '', minor = '', patch = ''] = process.versions.node.split('.');
  metrics.set('tweendeck_build_info', { version, node: process.versions.node }, 1);
  metrics.set('nodejs_version_info', { version: process.version, major, minor, patch }, 1);
  metrics.set('process_start_time_seconds', {}, startSeconds);
  const collector = metrics.collect(() => {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1_000_000;
    const counted = metrics.value('process_cpu_seconds_total', {});
    metrics.count('process_cpu_seconds_total', {}, cpuSeconds - counted);
    metrics.set('process_resident_memory_bytes', {}, rss);
    metrics.set('nodejs_heap_size_total_bytes', {}, heapTotal);
    metrics.set('nodejs_heap_size_used_bytes', {}, heapUsed);
    metrics.set('nodejs_external_memory_bytes', {}, external);
    const openFiles = openFileCount();
    if (openFiles !== undefined) metrics.set('process_open_fds', {}, openFiles);
    metrics.set('nodejs_eventloop_lag_mean_seconds', {}, seconds(delay.mean));
    metrics.set('nodejs_eventloop_lag_p99_seconds', {}, seconds(delay.percentile(99)));
    metrics.set('nodejs_eventloop_lag_max_seconds', {}, seconds(delay.max));
    delay.reset();
  });
  return {
    [Symbol.dispose]() {
      collector[Symbol.dispose]();
      delay.disable();
    },
  };
}

/** The histogram is in nanoseconds, and has no number before its first sample. */
function seconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) && nanoseconds < 2 ** 60 ? nanoseconds / 1e9 : 0;
}

/** Undefined where there is no /proc. */
function openFileCount(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1; // one is of reading it
  } catch {
    return undefined;
  }
}
